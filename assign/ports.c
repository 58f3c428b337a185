// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ports of a device, by pio=:
 *
 *  - vfio: reads and writes of the VFIO region, which the kernel turns into
 *    port instructions; needs no privilege beyond the device's fd.
 *  - direct: port instructions on the vCPU's own thread. A permission is a
 *    thread's, so each vCPU thread has to get it, and give it back.
 *  - thread: port instructions on one thread that has the permission for
 *    itself (port_thread.c).
 *
 * Permission follows what the guest decodes: a range is open from
 * ports_show() to ports_hide(). In mode direct the VMM is then asked to have
 * port_work() run on every vCPU thread. It does not wait for them, since one
 * may be waiting for the device's lock; so a thread that comes to an access
 * first gets its permission there. Giving it back is seen to by the work
 * alone. Which thread has what is in a thread-specific value for each range.
 *
 * Locking: the device's; port_work() takes none, and reads only what does
 * not change from open to close, and @open.
 */
#include <errno.h>
#include <string.h>

#include "assign/bytes.h"
#include "assign/device_internal.h"
#include "common/util.h"

static const char *const mode_names[] = {
	[MOAT_PIO_AUTO] = "auto",
	[MOAT_PIO_VFIO] = "vfio",
	[MOAT_PIO_DIRECT] = "direct",
	[MOAT_PIO_THREAD] = "thread",
};

/* ---- mode direct: the calling thread's permission ---- */

static int range_follow(const struct pio_ops *ops, struct port_range *range)
{
	bool want = atomic_load(&range->open);
	bool have = pthread_getspecific(range->key) != NULL;
	int r;

	if (want == have)
		return 0;
	r = ops->permit(range->first, range->len, want);
	if (r < 0)
		return r;
	r = -pthread_setspecific(range->key, want ? range : NULL);
	if (r < 0)
		(void)ops->permit(range->first, range->len, false);
	return r;
}

static void port_work(void *opaque)
{
	struct moat_device *dev = opaque;
	unsigned int i;

	/* Without it the access itself tries again, and says so. */
	for (i = 0; i < MOAT_PCI_BARS; i++)
		if (dev->ports.range[i].here)
			(void)range_follow(dev->ports.ops,
					   &dev->ports.range[i]);
}

int ports_plug(struct moat_device *dev, struct moat_err *err)
{
	struct ports *ports = &dev->ports;
	int r;

	if (ports->thread)
		port_thread_begin(ports->thread, dev->vmm, dev->vmm_opaque);
	if (ports->mode != MOAT_PIO_DIRECT)
		return 0;
	if (!dev->vmm->vcpu_work_add)
		return moat_fail(err, -ENOTSUP,
				 "%s: pio=direct needs a VMM that runs work on "
				 "its vCPU threads; use pio=thread or pio=vfio",
				 dev->name);
	ports->work.run = port_work;
	ports->work.opaque = dev;
	r = dev->vmm->vcpu_work_add(dev->vmm_opaque, &ports->work);
	if (r < 0)
		return moat_fail(err, r,
				 "%s: pio=direct: the VMM takes no work for "
				 "its vCPU threads: %s",
				 dev->name, strerror(-r));
	ports->working = true;
	return 0;
}

void ports_unplug(struct moat_device *dev)
{
	if (!dev->ports.working)
		return;
	dev->vmm->vcpu_work_remove(dev->vmm_opaque, &dev->ports.work);
	dev->ports.working = false;
}

/* ---- what the guest sees ---- */

int ports_show(struct moat_device *dev, unsigned int index)
{
	struct ports *ports = &dev->ports;
	struct port_range *range = &ports->range[index];
	struct port_request request = {
		.verb = PORT_PERMIT,
		.port = range->first,
		.size = range->len,
	};
	int r = 0;

	if (ports->mode == MOAT_PIO_THREAD)
		r = port_thread_call(ports->thread, &request);
	if (r < 0)
		return r;
	atomic_store(&range->open, true);
	if (ports->working)
		dev->vmm->vcpu_work_run(dev->vmm_opaque, &ports->work);
	return 0;
}

void ports_hide(struct moat_device *dev, unsigned int index)
{
	struct ports *ports = &dev->ports;
	struct port_range *range = &ports->range[index];
	struct port_request request = {
		.verb = PORT_REVOKE,
		.port = range->first,
		.size = range->len,
	};

	if (!atomic_exchange(&range->open, false))
		return;
	if (ports->mode == MOAT_PIO_THREAD)
		(void)port_thread_call(ports->thread, &request);
	if (ports->working)
		dev->vmm->vcpu_work_run(dev->vmm_opaque, &ports->work);
}

/* ---- accesses ---- */

static unsigned int piece(uint64_t offset, unsigned int size)
{
	if (size >= 4 && offset % 4 == 0)
		return 4;
	return size >= 2 && offset % 2 == 0 ? 2 : 1;
}

/* One piece, by the instruction, on this thread or on the other. */
static int port_access(struct ports *ports, struct port_range *range,
		       struct port_request *request)
{
	int r;

	if (ports->mode == MOAT_PIO_THREAD)
		return port_thread_call(ports->thread, request);
	r = range_follow(ports->ops, range);
	if (r < 0)
		return r;
	if (request->verb == PORT_OUT)
		ports->ops->out(request->port, request->size, request->value);
	else
		request->value = ports->ops->in(request->port, request->size);
	return 0;
}

int ports_read(struct moat_device *dev, unsigned int index, uint64_t offset,
	       uint8_t *buf, unsigned int size)
{
	struct port_range *range = &dev->ports.range[index];
	struct port_request request = { .verb = PORT_IN };
	int r;

	if (dev->ports.mode == MOAT_PIO_VFIO)
		return dev->host->ops->region_read(
			dev->host, HOST_REGION_BAR0 + index, offset, buf, size);
	while (size > 0) {
		request.port = (uint16_t)(range->first + offset);
		request.size = piece(offset, size);
		r = port_access(&dev->ports, range, &request);
		if (r < 0)
			return r;
		put_le(buf, request.size, request.value);
		buf += request.size;
		offset += request.size;
		size -= request.size;
	}
	return 0;
}

int ports_write(struct moat_device *dev, unsigned int index, uint64_t offset,
		const uint8_t *buf, unsigned int size)
{
	struct port_range *range = &dev->ports.range[index];
	struct port_request request = { .verb = PORT_OUT };
	int r;

	if (dev->ports.mode == MOAT_PIO_VFIO)
		return dev->host->ops->region_write(
			dev->host, HOST_REGION_BAR0 + index, offset, buf, size);
	while (size > 0) {
		request.port = (uint16_t)(range->first + offset);
		request.size = piece(offset, size);
		request.value = (uint32_t)get_le(buf, request.size);
		r = port_access(&dev->ports, range, &request);
		if (r < 0)
			return r;
		buf += request.size;
		offset += request.size;
		size -= request.size;
	}
	return 0;
}

/* ---- opening ---- */

/* May we at all? Tried on this thread, and taken back. */
static int range_try(struct moat_device *dev, enum moat_pio_mode mode,
		     const struct port_range *range, struct moat_err *err)
{
	const struct pio_ops *ops = dev->ports.ops;
	int r;

	r = ops->permit(range->first, range->len, true);
	if (r == 0)
		r = ops->permit(range->first, range->len, false);
	if (r == -ENOTSUP)
		return moat_fail(err, r,
				 "%s: pio=%s: this machine's processors have "
				 "no port instructions; use pio=vfio",
				 dev->name, mode_names[mode]);
	if (r < 0)
		return moat_fail(err, r,
				 "%s: pio=%s: the kernel does not let this "
				 "program use the ports 0x%x to 0x%x: %s; it "
				 "needs CAP_SYS_RAWIO and a kernel that is not "
				 "locked down, or use pio=vfio",
				 dev->name, mode_names[mode], range->first,
				 range->first + range->len - 1, strerror(-r));
	return 0;
}

static int range_open(struct moat_device *dev, enum moat_pio_mode mode,
		      unsigned int index, struct moat_err *err)
{
	struct port_range *range = &dev->ports.range[index];
	int r;

	range->len = (unsigned int)dev->bar[index].info.size;
	r = dev->claim_ops->ports(dev->host_root, dev->bdf, index, range->len,
				  &range->first, err);
	if (r < 0)
		return moat_fail_prefix(err, r, "%s: pio=%s", dev->name,
					mode_names[mode]);
	r = range_try(dev, mode, range, err);
	if (r < 0)
		return r;
	if (mode == MOAT_PIO_DIRECT) {
		r = -pthread_key_create(&range->key, NULL);
		if (r < 0)
			return moat_fail(err, r,
					 "%s: no thread-specific value for "
					 "BAR %u: %s",
					 dev->name, index, strerror(-r));
		range->has_key = true;
	}
	range->here = true;
	return 0;
}

static int thread_open(struct moat_device *dev, struct moat_err *err)
{
	int r = port_thread_start(dev->ports.ops, dev->name,
				  &dev->ports.thread);

	return r < 0 ? moat_fail(err, r, "%s: no thread for its ports: %s",
				 dev->name, strerror(-r))
		     : 0;
}

int ports_open(struct moat_device *dev, enum moat_pio_mode mode,
	       struct moat_err *err)
{
	struct ports *ports = &dev->ports;
	bool any = false;
	unsigned int i;
	int r = 0;

	ports->ops = dev->claim_ops->pio;
	ports->mode = MOAT_PIO_VFIO;
	if (mode == MOAT_PIO_AUTO || mode == MOAT_PIO_VFIO)
		return 0;
	for (i = 0; i < MOAT_PCI_BARS && r == 0; i++) {
		if (dev->bar[i].info.kind != MOAT_BAR_PIO)
			continue;
		any = true;
		r = range_open(dev, mode, i, err);
	}
	if (r == 0 && any && mode == MOAT_PIO_THREAD)
		r = thread_open(dev, err);
	if (r == 0 && any)
		ports->mode = mode;
	return r;
}

void ports_close(struct moat_device *dev)
{
	port_thread_stop(dev->ports.thread);
	dev->ports.thread = NULL;
}

void ports_free(struct moat_device *dev)
{
	struct ports *ports = &dev->ports;
	unsigned int i;

	for (i = 0; i < MOAT_PCI_BARS; i++)
		if (ports->range[i].has_key)
			(void)pthread_key_delete(ports->range[i].key);
}
