// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host function reached without VFIO, for dma=none: config space and BARs
 * by their files in sysfs, INTx by uio_pci_generic.
 *
 * What VFIO does for a device has to be done here: it is reset when it is
 * opened and when it is closed, its BAR registers are put back should a reset
 * of its own have lost them, and memory is not touched while it does not
 * decode. Of the header nothing but COMMAND can be written; the rest of
 * config space is written by the engine's table alone, which knows what it
 * lets through.
 *
 * Closing /dev/uioN turns bus mastering off, whoever closes it.
 *
 * Locking: the lock is for COMMAND. Region accesses take none.
 * Source: Linux Documentation/PCI/sysfs-pci.rst; drivers/uio/
 * uio_pci_generic.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <moat/device.h>
#include <moat/log.h>

#include "assign/bytes.h"
#include "assign/host_uio_internal.h"
#include "common/io.h"
#include "common/util.h"

/* Larger ones are mapped by the page when a trapped access comes. */
#define MAP_WHOLE_MAX MiB

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- config space ---- */

static int config_read(struct host_uio *uio, uint64_t offset, void *buf,
		       size_t len)
{
	if (offset > uio->config_size || len > uio->config_size - offset)
		return -EINVAL;
	return moat_pread_all(uio->config_fd, buf, len, (off_t)offset);
}

static int config_write(struct host_uio *uio, uint64_t offset, const void *buf,
			size_t len)
{
	if (offset > uio->config_size || len > uio->config_size - offset)
		return -EINVAL;
	return moat_pwrite_all(uio->config_fd, buf, len, (off_t)offset);
}

static int read_bar_register(struct host_uio *uio, unsigned int i,
			     uint32_t *ret_value)
{
	uint8_t buf[4];
	int r;

	r = config_read(uio, PCI_BASE_ADDRESS_0 + 4 * i, buf, sizeof(buf));
	if (r == 0)
		*ret_value = get_le32(buf);
	return r;
}

/* Called while nothing decodes. */
static int restore_bars(struct host_uio *uio)
{
	uint32_t now;
	uint8_t buf[4];
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < UIO_BARS; i++) {
		r = read_bar_register(uio, i, &now);
		if (r < 0 || now == uio->saved_bar[i])
			continue;
		put_le(buf, 4, uio->saved_bar[i]);
		r = config_write(uio, PCI_BASE_ADDRESS_0 + 4 * i, buf, 4);
	}
	return r;
}

int uio_write_command(struct host_uio *uio)
{
	uint16_t command = uio->command;
	uint8_t buf[2];

	if (uio_intx_disabled(uio))
		command |= PCI_COMMAND_INTX_DISABLE;
	put_le(buf, 2, command);
	return config_write(uio, PCI_COMMAND, buf, 2);
}

/* INTx disable is not the engine's: the kernel sets it behind our back. */
static int set_command(struct host_uio *uio, uint16_t command)
{
	int r = 0;

	(void)pthread_mutex_lock(&uio->lock);
	if (!(command & PCI_COMMAND_MEMORY))
		atomic_store(&uio->decodes, false);
	if (command & (PCI_COMMAND_MEMORY | PCI_COMMAND_IO))
		r = restore_bars(uio);
	if (r == 0) {
		uio->command = command & (uint16_t)~PCI_COMMAND_INTX_DISABLE;
		r = uio_write_command(uio);
	}
	if (r == 0 && command & PCI_COMMAND_MEMORY)
		atomic_store(&uio->decodes, true);
	(void)pthread_mutex_unlock(&uio->lock);
	return r;
}

static int config_region_write(struct host_uio *uio, uint64_t offset,
			       const uint8_t *buf, size_t len)
{
	if (offset == PCI_COMMAND && len == 2)
		return set_command(uio, get_le16(buf));
	if (offset < PCI_STD_HEADER_SIZEOF)
		return -EPERM;
	return config_write(uio, offset, buf, len);
}

/* ---- BARs ---- */

/* The largest aligned piece of at most @max bytes. */
static size_t piece(uint64_t offset, size_t len, size_t max)
{
	size_t size = max;

	while (size > len || !is_aligned(offset, size))
		size /= 2;
	return size;
}

static void memory_read(const volatile uint8_t *at, uint8_t *buf, size_t size)
{
	uint64_t value;

	switch (size) {
	case 8:
		value = *(const volatile uint64_t *)at;
		break;
	case 4:
		value = *(const volatile uint32_t *)at;
		break;
	case 2:
		value = *(const volatile uint16_t *)at;
		break;
	default:
		value = *at;
	}
	put_le(buf, (unsigned int)size, value);
}

static void memory_write(volatile uint8_t *at, const uint8_t *buf, size_t size)
{
	uint64_t value = get_le(buf, (unsigned int)size);

	switch (size) {
	case 8:
		*(volatile uint64_t *)at = value;
		break;
	case 4:
		*(volatile uint32_t *)at = (uint32_t)value;
		break;
	case 2:
		*(volatile uint16_t *)at = (uint16_t)value;
		break;
	default:
		*at = (uint8_t)value;
	}
}

/* One piece of memory, which lies in one page. */
static int memory_access(const struct uio_bar *bar, uint64_t offset,
			 uint8_t *buf, size_t size, bool write)
{
	uint64_t page = align_down(offset, page_size());
	uint8_t *map = bar->base, *at;

	if (!map) {
		map = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
			   MAP_SHARED, bar->fd, (off_t)page);
		if (map == MAP_FAILED)
			return -errno;
		offset -= page;
	}
	at = map + offset;
	if (write)
		memory_write(at, buf, size);
	else
		memory_read(at, buf, size);
	if (!bar->base)
		(void)munmap(map, page_size());
	return 0;
}

/* sysfs takes one port access of 1, 2 or 4 bytes at a time. */
static int port_access(const struct uio_bar *bar, uint64_t offset, uint8_t *buf,
		       size_t size, bool write)
{
	if (write)
		return moat_pwrite_all(bar->fd, buf, size, (off_t)offset);
	return moat_pread_all(bar->fd, buf, size, (off_t)offset);
}

static int bar_access(struct host_uio *uio, unsigned int index, uint64_t offset,
		      uint8_t *buf, size_t len, bool write)
{
	const struct uio_bar *bar = &uio->bar[index];
	size_t size;
	int r = 0;

	if (bar->fd < 0 || offset > bar->size || len > bar->size - offset)
		return -EINVAL;
	if (!bar->is_io && !atomic_load(&uio->decodes))
		return -EIO;
	for (; r == 0 && len > 0; offset += size, buf += size, len -= size) {
		size = piece(offset, len, bar->is_io ? 4 : 8);
		r = bar->is_io ? port_access(bar, offset, buf, size, write)
			       : memory_access(bar, offset, buf, size, write);
	}
	return r;
}

/*
 * A BAR smaller than a page may start anywhere in one, and sysfs maps whole
 * pages from the one that it starts in.
 */
static int bar_map_whole(struct uio_bar *bar, uint64_t first)
{
	uint64_t head = first % page_size();
	void *map;

	bar->map_len = align_up(head + bar->size, page_size());
	map = mmap(NULL, bar->map_len, PROT_READ | PROT_WRITE, MAP_SHARED,
		   bar->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	bar->map = map;
	bar->base = (uint8_t *)map + head;
	return 0;
}

static void bar_close(struct uio_bar *bar)
{
	if (bar->map)
		(void)munmap(bar->map, bar->map_len);
	if (bar->fd >= 0)
		(void)close(bar->fd);
}

static int bar_open(struct host_uio *uio, unsigned int index)
{
	struct uio_bar *bar = &uio->bar[index];
	struct host_pci_resource res;
	char path[PATH_MAX], attr[16];
	int r;

	r = host_pci_resource(uio->root, uio->bdf, index, &res);
	if (r < 0 || (!res.is_io && !res.is_memory))
		return r;
	bar->is_io = res.is_io;
	bar->size = res.len;
	if (!res.placed)
		return 0;
	(void)snprintf(attr, sizeof(attr), "resource%u", index);
	r = host_pci_attr(uio->root, uio->bdf, attr, path);
	if (r < 0)
		return r;
	bar->fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (bar->fd < 0)
		return -errno;
	if (!bar->is_io && bar->size <= MAP_WHOLE_MAX)
		return bar_map_whole(bar, res.first);
	return 0;
}

/* ---- the ROM ---- */

static int rom_read(struct host_uio *uio, uint64_t offset, void *buf,
		    size_t len)
{
	char path[PATH_MAX];
	int fd, r;

	if (offset > uio->rom_size || len > uio->rom_size - offset)
		return -EINVAL;
	r = host_pci_attr(uio->root, uio->bdf, "rom", path);
	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The first write says that it may be read, the other not any more. */
	r = moat_pwrite_all(fd, "1", 1, 0);
	if (r == 0)
		r = moat_pread_all(fd, buf, len, (off_t)offset);
	(void)moat_pwrite_all(fd, "0", 1, 0);
	(void)close(fd);
	return r;
}

static void rom_find(struct host_uio *uio)
{
	char path[PATH_MAX];
	struct stat st;

	if (host_pci_attr(uio->root, uio->bdf, "rom", path) == 0 &&
	    stat(path, &st) == 0)
		uio->rom_size = (uint64_t)st.st_size;
}

/* ---- the table ---- */

static int uio_region_info(struct host_device *host, unsigned int region,
			   struct host_region *ret_info)
{
	struct host_uio *uio = to_uio(host);
	struct host_region info = { .readable = true, .writable = true };
	const struct uio_bar *bar;

	if (region == HOST_REGION_CONFIG) {
		info.size = uio->config_size;
	} else if (region == HOST_REGION_ROM) {
		info.size = uio->rom_size;
		info.writable = false;
	} else {
		bar = &uio->bar[region];
		info.size = bar->size;
		info.readable = info.writable = bar->fd >= 0;
		if (bar->fd >= 0 && !bar->is_io && bar->size >= page_size()) {
			info.area[0].len = bar->size;
			info.n_areas = 1;
		}
	}
	*ret_info = info;
	return 0;
}

static int uio_irq_info(struct host_device *host, enum host_irq_index irq,
			struct host_irq *ret_info)
{
	*ret_info = (struct host_irq) { 0 };
	if (irq == HOST_IRQ_INTX && uio_intx_present(to_uio(host))) {
		ret_info->count = 1;
		ret_info->maskable = true;
	}
	return 0;
}

static int uio_region_read(struct host_device *host, unsigned int region,
			   uint64_t offset, void *buf, size_t len)
{
	struct host_uio *uio = to_uio(host);

	if (region == HOST_REGION_CONFIG)
		return config_read(uio, offset, buf, len);
	if (region == HOST_REGION_ROM)
		return rom_read(uio, offset, buf, len);
	return bar_access(uio, region, offset, buf, len, false);
}

static int uio_region_write(struct host_device *host, unsigned int region,
			    uint64_t offset, const void *buf, size_t len)
{
	struct host_uio *uio = to_uio(host);

	if (region == HOST_REGION_CONFIG)
		return config_region_write(uio, offset, buf, len);
	if (region == HOST_REGION_ROM)
		return -EPERM;
	/* It is only read from. */
	return bar_access(uio, region, offset, (uint8_t *)(uintptr_t)buf, len,
			  true);
}

static int uio_region_map(struct host_device *host, unsigned int region,
			  uint64_t offset, uint64_t len, void **ret_addr)
{
	const struct uio_bar *bar = &to_uio(host)->bar[region];
	void *addr;

	if (offset > bar->size || len > bar->size - offset)
		return -EINVAL;
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bar->fd,
		    (off_t)offset);
	if (addr == MAP_FAILED)
		return -errno;
	*ret_addr = addr;
	return 0;
}

static void uio_region_unmap(struct host_device *host, void *addr, uint64_t len)
{
	(void)host;
	(void)munmap(addr, len);
}

static int uio_irq_set(struct host_device *host, enum host_irq_index irq,
		       unsigned int start, unsigned int count, const int *fds)
{
	if (irq != HOST_IRQ_INTX || start != 0 || count != 1)
		return -EINVAL;
	return uio_intx_enable(to_uio(host), fds[0]);
}

static int uio_unmask_by(struct host_device *host, int fd)
{
	return uio_intx_unmask_by(to_uio(host), fd);
}

static int uio_irq_disable(struct host_device *host, enum host_irq_index irq)
{
	return irq == HOST_IRQ_INTX ? uio_intx_disable(to_uio(host)) : 0;
}

/* sysfs waits for whoever has the device just now. */
static int uio_reset(struct host_device *host)
{
	struct host_uio *uio = to_uio(host);
	int r;

	if (!host->can_reset)
		return -ENOTTY;
	r = moat_pwrite_all(uio->reset_fd, "1", 1, 0);
	return r == -ENOTTY ? -EIO : r;
}

static void uio_hold(struct host_device *host,
		     struct moat_device_hold *ret_hold)
{
	const struct host_uio *uio = to_uio(host);

	*ret_hold = (struct moat_device_hold) {
		.config_fd = uio->config_fd,
		.reset_fd = uio->reset_fd,
		.keep_fd = uio->intx.uio_fd,
	};
}

static void uio_free(struct host_uio *uio)
{
	uio_intx_close(uio);
	for (unsigned int i = 0; i < UIO_BARS; i++)
		bar_close(&uio->bar[i]);
	if (uio->reset_fd >= 0)
		(void)close(uio->reset_fd);
	if (uio->config_fd >= 0)
		(void)close(uio->config_fd);
	(void)pthread_mutex_destroy(&uio->lock);
	free(uio);
}

/* What the guest left in it goes with a reset, as VFIO has it. */
static void uio_close(struct host_device *host)
{
	struct host_uio *uio = to_uio(host);
	int r;

	(void)uio_intx_disable(uio);
	r = uio_reset(host);
	if (r < 0 && r != -ENOTTY)
		moat_log(MOAT_LOG_WARN, uio->name,
			 "its reset at the end failed: %s", strerror(-r));
	uio_free(uio);
}

static const struct host_device_ops uio_ops = {
	.region_info = uio_region_info,
	.irq_info = uio_irq_info,
	.region_read = uio_region_read,
	.region_write = uio_region_write,
	.region_map = uio_region_map,
	.region_unmap = uio_region_unmap,
	.irq_set = uio_irq_set,
	.intx_unmask_by = uio_unmask_by,
	.irq_disable = uio_irq_disable,
	.reset = uio_reset,
	.hold = uio_hold,
	.close = uio_close,
};

/* ---- opening ---- */

static struct host_uio *uio_new(const struct moat_host *root,
				struct moat_bdf bdf)
{
	struct host_uio *uio = calloc(1, sizeof(*uio));

	if (!uio)
		return NULL;
	if (pthread_mutex_init(&uio->lock, NULL)) {
		free(uio);
		return NULL;
	}
	uio->host.ops = &uio_ops;
	uio->root = host_or_this(root);
	uio->bdf = bdf;
	(void)moat_bdf_str(bdf, uio->name);
	uio->config_fd = uio->reset_fd = -1;
	uio->intx.uio_fd = uio->intx.wake_fd = -1;
	uio->intx.trigger_fd = uio->intx.resample_fd = -1;
	for (unsigned int i = 0; i < UIO_BARS; i++)
		uio->bar[i].fd = -1;
	return uio;
}

static int config_open(struct host_uio *uio)
{
	char path[PATH_MAX];
	struct stat st;
	int r;

	r = host_pci_attr(uio->root, uio->bdf, "config", path);
	if (r < 0)
		return r;
	uio->config_fd = open(path, O_RDWR | O_CLOEXEC);
	if (uio->config_fd < 0 || fstat(uio->config_fd, &st) < 0)
		return -errno;
	uio->config_size = (uint64_t)st.st_size;
	for (unsigned int i = 0; r == 0 && i < UIO_BARS; i++)
		r = read_bar_register(uio, i, &uio->saved_bar[i]);
	return r;
}

static int bars_open(struct host_uio *uio, struct moat_err *err)
{
	int r;

	for (unsigned int i = 0; i < UIO_BARS; i++) {
		r = bar_open(uio, i);
		if (r == -EPERM || r == -EACCES)
			return moat_fail(
				err, r,
				"the kernel does not let this program "
				"use BAR %u (resource%u): %s; it needs "
				"root, and a kernel that is not locked "
				"down",
				i, i, strerror(-r));
		if (r < 0)
			return moat_fail(err, r, "cannot open BAR %u: %s", i,
					 strerror(-r));
	}
	return 0;
}

/* Quiet, then as after power-on. */
static int start(struct host_uio *uio, struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	uio->host.close_resets = true;
	r = host_pci_attr(uio->root, uio->bdf, "reset", path);
	if (r == 0)
		uio->reset_fd = open(path, O_WRONLY | O_CLOEXEC);
	uio->host.can_reset = uio->reset_fd >= 0;
	if (r == 0)
		r = set_command(uio, 0);
	if (r == 0)
		r = uio_reset(&uio->host);
	if (r < 0 && r != -ENOTTY)
		return moat_fail(err, r, "it cannot be reset: %s",
				 strerror(-r));
	return 0;
}

int host_uio_open(const struct moat_host *root, struct moat_bdf bdf,
		  struct host_device **ret_host, struct moat_err *err)
{
	struct host_uio *uio;
	int r;

	uio = uio_new(root, bdf);
	if (!uio)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = uio_intx_open(uio, err);
	if (r < 0)
		goto free_uio;
	r = config_open(uio);
	if (r < 0) {
		(void)moat_fail(err, r, "cannot open its config space: %s",
				strerror(-r));
		goto free_uio;
	}
	r = start(uio, err);
	if (r < 0)
		goto free_uio;
	r = bars_open(uio, err);
	if (r < 0)
		goto free_uio;
	rom_find(uio);
	*ret_host = &uio->host;
	return 0;
free_uio:
	uio_free(uio);
	return r;
}
