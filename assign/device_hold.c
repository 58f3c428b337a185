// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stopping a device from outside, when the process that drives it may die at
 * any moment and its memory must not be given to others before the device has
 * been stopped.
 *
 * Source: PCI Express Base 5.0 section 2.4.1: the completion of a read pushes
 * what the device has written before, so once COMMAND has been read back
 * nothing more is on its way.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "assign/bytes.h"
#include "assign/device_internal.h"
#include "common/io.h"

/*
 * What a device that does not answer reads as. It may come back, and its bus
 * mastering with it: a link that is down, a reset under way. One that is gone
 * for good gives -ENODEV.
 */
#define SILENT 0xffff

/* Return: 0, -EAGAIN when it does not answer, -EIO when it masters the bus. */
static int still(uint32_t command)
{
	if (command == SILENT)
		return -EAGAIN;
	return command & PCI_COMMAND_MASTER ? -EIO : 0;
}

int moat_device_disarm(struct moat_device *dev)
{
	uint32_t command = 0;
	int r = 0;

	pthread_mutex_lock(&dev->lock);
	dev->armed = false;
	if (!dev->withdrawn && device_is_gone(dev)) {
		r = -EBUSY;
	} else if (!dev->withdrawn) {
		config_decode_changed(dev);
		r = host_config_read(dev, PCI_COMMAND, 2, &command);
		if (r == 0)
			r = still(command);
	} else if (dev->unfinished) {
		r = -EBUSY;
	}
	pthread_mutex_unlock(&dev->lock);
	return r;
}

void moat_device_get_hold(const struct moat_device *dev,
			  struct moat_device_hold *ret_hold)
{
	dev->host->ops->hold(dev->host, ret_hold);
}

static int read_command(const struct moat_device_hold *hold, uint16_t *ret)
{
	uint8_t buf[2];
	int r;

	r = moat_pread_all(hold->config_fd, buf, sizeof(buf),
			   (off_t)(hold->config_offset + PCI_COMMAND));
	if (r == 0)
		*ret = get_le16(buf);
	return r;
}

static int turn_off(const struct moat_device_hold *hold)
{
	uint16_t command = 0;
	uint8_t buf[2];
	int r;

	r = read_command(hold, &command);
	if (r < 0 || still(command) != -EIO)
		return r < 0 ? r : still(command);
	put_le(buf, 2, command & (uint16_t)~PCI_COMMAND_MASTER);
	r = moat_pwrite_all(hold->config_fd, buf, sizeof(buf),
			    (off_t)(hold->config_offset + PCI_COMMAND));
	if (r == 0)
		r = read_command(hold, &command);
	return r < 0 ? r : still(command);
}

/* Return: as still(); 0 also when it was pulled out. */
static int master_off(const struct moat_device_hold *hold)
{
	int r = turn_off(hold);

	return r == -ENODEV ? 0 : r;
}

int moat_device_hold_stop(const struct moat_device_hold *hold)
{
	int r = master_off(hold);

	if (r < 0)
		return r;
	if (hold->vfio_reset)
		(void)ioctl(hold->config_fd, VFIO_DEVICE_RESET);
	else if (hold->reset_fd >= 0)
		(void)moat_pwrite_all(hold->reset_fd, "1", 1, 0);
	/* The kernel puts COMMAND back after a reset: look once more. */
	return master_off(hold);
}
