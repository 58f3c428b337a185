/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The assignment engine: one host PCI function becomes one guest PCI
 * function.
 *
 *	spec -> moat_device_open() -> moat_device_plug() -> moat_device_arm()
 *
 * After open the device is claimed from its driver, in its I/O address
 * space, reset, its config space and regions read, and the guest's view of
 * it built; it touches no VMM yet, so devices can be opened in parallel and
 * beside the population of guest RAM. Plugging connects it to a VMM: from
 * then on config accesses have effects. Arming is the VMM's word that every
 * byte of guest RAM is mapped: only from then on may the guest turn bus
 * mastering on.
 */
#ifndef MOAT_DEVICE_H
#define MOAT_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/device_spec.h>
#include <moat/err.h>
#include <moat/ioas.h>
#include <moat/vmm.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOAT_PCI_BARS 6

/* Behind the BARs; what moat_device_bar() calls the expansion ROM. */
#define MOAT_PCI_ROM MOAT_PCI_BARS

struct moat_device;

enum moat_bar_kind {
	MOAT_BAR_NONE, /* not implemented, or the upper half of a 64-bit one */
	MOAT_BAR_PIO,
	MOAT_BAR_MEM32,
	MOAT_BAR_MEM64,
};

struct moat_bar_info {
	enum moat_bar_kind kind;
	bool prefetchable;
	uint64_t size; /* bytes, a power of two */
};

struct moat_device_params {
	const struct moat_device_spec *spec;
	struct moat_ioas *ioas;
	const struct moat_bdf *same_guest; /* all devices of this guest */
	size_t n_same_guest;
	bool force;		      /* take it even if the host needs it */
	const struct moat_host *host; /* NULL: this machine */
	/*
	 * Asked while it waits for the guest's other devices in its group;
	 * true ends that with -EINTR. NULL: nobody is in a hurry.
	 */
	bool (*cancelled)(void *opaque);
	void *cancelled_opaque;
};

/**
 * moat_device_open() - take a host device, up to but not into a VMM
 *
 * Steps, each undone when a later one fails: find it, check its IOMMU group,
 * claim it from its driver (or refuse, naming the driver), attach it to
 * @params->ioas, read config space and regions, build the guest's view.
 * Blocks for the kernel's reset of the device, for its driver to let go, and
 * for the guest's other devices in its group.
 * Locking: none is held; devices may be opened in parallel.
 * Return: 0; -EBUSY, -ENODEV or -EINVAL as of moat_host_pci_verdict() and
 * moat_host_pci_bind(); what moat_ioas_attach() returns (-EINVAL: the host
 * still uses a device of the group); -EIO (it does not answer); -EINVAL or
 * -E2BIG (config space that makes no sense); -EINTR (cancelled); -EINVAL
 * (dma=none with an address
 * space that is a fence, or the reverse); -ENOMEM; or the errno of reading the
 * device. The reason and the remedy are in @err, which names the device;
 * nothing of it is held then.
 */
int moat_device_open(const struct moat_device_params *params,
		     struct moat_device **ret_dev, struct moat_err *err)
	__attribute__((visibility("default")));

enum {
	/*
	 * The guest sees it behind a PCIe root port; else it sits on a root
	 * bus as a conventional device.
	 */
	MOAT_PLUG_PCIE = 1 << 0,
	/* Its slot has more functions: say so in the header type. */
	MOAT_PLUG_MULTIFUNCTION = 1 << 1,
};

/**
 * moat_device_plug() - connect the device to a VMM
 * @ops:   copied; what may be NULL is said in <moat/vmm.h>
 * @vmm:   handed to each of @ops
 * @how:   MOAT_PLUG_...
 *
 * Once for each device, and before any vCPU runs.
 * Locking: takes the device's lock, and calls @ops with it held.
 * Return: 0; -EBUSY when the host's line of its INTx cannot be shared; -E2BIG
 * or -EINVAL when the guest's view cannot be laid out; -ENOTSUP or what
 * vcpu_work_add() returned when pio=direct cannot be; with the reason in
 * @err. The device is then not plugged, and can be closed. An INTx that
 * fails for any other reason is no error: it is hidden, and that is logged.
 */
int moat_device_plug(struct moat_device *dev, const struct moat_vmm_ops *ops,
		     void *vmm, unsigned int how, struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_device_arm() - guest RAM is mapped whole: bus mastering may be on
 *
 * Until moat_device_disarm(): a reset does not take it back. If the guest has
 * asked for bus mastering already, it gets it now; a failure of that is logged.
 * Locking: takes the device's lock.
 */
void moat_device_arm(struct moat_device *dev)
	__attribute__((visibility("default")));

/**
 * moat_device_disarm() - the reverse: bus mastering is off, and stays off
 *
 * Return: 0 when the device reaches no memory any more; -EBUSY while the
 * kernel has it in a reset that does not end; -EAGAIN when it does not answer,
 * and may come back; -EIO when it still says that it masters the bus; or the
 * errno of asking it.
 * Locking: takes the device's lock.
 */
int moat_device_disarm(struct moat_device *dev)
	__attribute__((visibility("default")));

/*
 * What it takes to stop a device from outside of the engine, when the program
 * that had it is no more: copies of these, in another process, do. The fds
 * belong to the device, and -1 is none.
 */
struct moat_device_hold {
	int config_fd;
	uint64_t config_offset; /* of config space in it */
	int reset_fd;		/* "1" written to it resets the device */
	bool vfio_reset;	/* an ioctl of @config_fd does */
	int keep_fd; /* when the last copy is closed, the kernel stops it */
};

/**
 * moat_device_get_hold() - of an open device
 *
 * Before moat_device_close(), and before moat_ioas_detach() can succeed, all
 * copies have to be closed.
 */
void moat_device_get_hold(const struct moat_device *dev,
			  struct moat_device_hold *ret_hold)
	__attribute__((visibility("default")));

/**
 * moat_device_hold_stop() - bus mastering off, then a reset
 *
 * Return: 0 when the device reaches no memory any more, or was pulled out;
 * -EAGAIN when it does not answer, and may come back; another negative errno
 * when it may still reach memory. A reset that fails is no error.
 */
int moat_device_hold_stop(const struct moat_device_hold *hold)
	__attribute__((visibility("default")));

/**
 * moat_device_reset() - as the guest's reset line would: function reset,
 * config space as at power-on, interrupts off, BARs unmapped
 *
 * Waits a few seconds for something else in the kernel that works on the
 * device, and then for the reset.
 * Locking: takes the device's lock, and calls the VMM with it held.
 * Return: 0, -ENOTTY when the device has no reset (its bus mastering and
 * interrupts are off all the same), -EAGAIN when the kernel kept it busy,
 * -EIO when it does not answer afterwards (MOAT_EVENT_DEVICE_LOST comes
 * first), -ETIMEDOUT when the kernel does not come back from the reset within
 * a good minute (MOAT_EVENT_DEVICE_LOST as well), -ENODEV when it has been
 * withdrawn, or the reset's errno.
 */
int moat_device_reset(struct moat_device *dev, struct moat_err *err)
	__attribute__((visibility("default")));

/* One of the devices that moat_device_reset_all() resets. */
struct moat_reset {
	struct moat_device *dev;
	int error; /* as moat_device_reset() would return it */
	struct moat_err err;
};

/**
 * moat_device_reset_all() - as a reset line that several devices share
 * @resets: all of one guest; sorted anew; @error and @err are set
 *
 * Beside each other and with one deadline, so that it takes as long as the
 * slowest. What has no reset of its own may have one together with others on
 * the host's bus or slot, if those are all in @resets, or nobody's.
 */
void moat_device_reset_all(struct moat_reset *resets, size_t n)
	__attribute__((visibility("default")));

/**
 * moat_device_hurry() - the program is about to end
 *
 * From any thread: who waits for a reset of the device waits a few seconds
 * more at most. For good.
 */
void moat_device_hurry(struct moat_device *dev)
	__attribute__((visibility("default")));

/**
 * moat_device_place_irqs() - have the host's interrupts follow the guest's
 *
 * Each message-signalled interrupt that the guest has in use is sent to the
 * CPU that the VMM's msi_cpu() says, if the process may write
 * /proc/irq/N/smp_affinity_list; else nothing happens. A vector whose CPU has
 * not changed since the last call costs nothing, another a few file accesses:
 * to be called after msi_commit(), by a thread that may wait, and not for each
 * of a guest's writes.
 * Return: 0, or -EBUSY when something else is going on with the device; then
 * it is to be called again later.
 */
int moat_device_place_irqs(struct moat_device *dev)
	__attribute__((visibility("default")));

/**
 * moat_device_event_fd() - readable while the host has news of the device
 *
 * For poll(2), select(2) or epoll(7) only; then moat_device_take_events().
 * Constant from open to close, but for a device that is withdrawn: it has
 * none, and this returns -1.
 * Locking: for the thread that takes the events and withdraws.
 */
int moat_device_event_fd(const struct moat_device *dev)
	__attribute__((visibility("default")));

/**
 * moat_device_take_events() - report what the host had to say
 *
 * Calls the VMM's event() for each: MOAT_EVENT_DEVICE_ERROR when the host
 * saw an error of the device, MOAT_EVENT_RELEASE_WANTED when something on
 * the host waits for the device, and asks again from time to time. Does not
 * block. Before moat_device_plug() there is nobody to tell, and while somebody
 * waits for a reset of the device it cannot be done: the news stay.
 * Source: linux/vfio.h, VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX.
 */
void moat_device_take_events(struct moat_device *dev)
	__attribute__((visibility("default")));

/**
 * moat_device_withdraw() - take a device from a guest that runs on
 *
 * Interrupts off, BARs unmapped, bus mastering off; then it is closed and
 * given back as by moat_device_close(). To the guest it looks pulled out:
 * config space reads all ones. What stays answers the guest until
 * moat_device_close(), which is still needed.
 *
 * Blocks for the kernel's reset and for the host's driver. vCPUs may be
 * accessing it meanwhile; not to be called from a vCPU's access nor from the
 * VMM's event(), where the device's lock is held. Again: does nothing.
 */
void moat_device_withdraw(struct moat_device *dev)
	__attribute__((visibility("default")));

/**
 * moat_device_close() - give the device back
 * @dev: NULL, or opened; no vCPU may access it any more
 *
 * Interrupts off, bus mastering off, BARs unmapped, reset, fd closed, detached
 * from the address space, driver given back where it was taken. Never fails: what
 * cannot be given back is logged, and stays recorded. A device in whose reset
 * the kernel is stuck is not waited for longer than a few seconds: it stays
 * attached, and the kernel closes it at the end of the process.
 * Locking: takes none, as nobody else may know the device any more; calls
 * the VMM that it was plugged into.
 */
void moat_device_close(struct moat_device *dev)
	__attribute__((visibility("default")));

/**
 * moat_device_config_read() - the guest reads config space
 * @offset: 0 to 4095; @size: 1, 2 or 4, and @offset a multiple of it
 *
 * Takes the device's lock. Anything else reads as all ones.
 */
uint32_t moat_device_config_read(struct moat_device *dev, uint16_t offset,
				 unsigned int size)
	__attribute__((visibility("default")));

/** moat_device_config_write() - the guest writes config space; see above */
void moat_device_config_write(struct moat_device *dev, uint16_t offset,
			      unsigned int size, uint32_t value)
	__attribute__((visibility("default")));

/**
 * moat_device_bar() - what a BAR asks for, so that it can be placed
 * @index: 0 to 5, or MOAT_PCI_ROM
 */
void moat_device_bar(const struct moat_device *dev, unsigned int index,
		     struct moat_bar_info *ret_info)
	__attribute__((visibility("default")));

/** moat_device_is_pcie() - has it a PCI Express capability? */
bool moat_device_is_pcie(const struct moat_device *dev)
	__attribute__((visibility("default")));

/** moat_device_name() - for messages: the spec's name= or the address */
const char *moat_device_name(const struct moat_device *dev)
	__attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif
#endif /* MOAT_DEVICE_H */
