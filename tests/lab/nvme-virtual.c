// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nvme-virtual: gives the virtual functions of an NVMe controller what they
 * need, and turns them on.
 *
 *	nvme-virtual CONTROLLER 0    nothing for CONTROLLER itself, from its
 *				     next reset on; before there are any
 *	nvme-virtual CONTROLLER N    two queues and an interrupt for each of N
 *
 * CONTROLLER is a path that ends in the controller's name, nvme0. The
 * controller ID of a virtual function is taken to be its number, from 1, as
 * QEMU deals them out.
 *
 * Source: NVM Express Base Specification 2.0, 5.28 Virtualization Management
 * command.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VIRTUALIZATION_MANAGEMENT 0x1c

/* Its dword 10: action, type of the resource, controller. */
#define PRIMARY	   1u
#define ASSIGN	   8u
#define ONLINE	   9u
#define QUEUES	   (0u << 8)
#define INTERRUPTS (1u << 8)

static int manage(int fd, uint32_t controller, uint32_t what, uint32_t n)
{
	struct nvme_admin_cmd cmd = {
		.opcode = VIRTUALIZATION_MANAGEMENT,
		.cdw10 = controller << 16 | what,
		.cdw11 = n,
	};
	int r = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd);

	if (r == 0)
		return 0;
	(void)fprintf(stderr,
		      "nvme-virtual: controller %u, dword 10 of %#x: %s %#x\n",
		      controller, cmd.cdw10, r < 0 ? strerror(errno) : "status",
		      r < 0 ? 0 : (unsigned int)r);
	return -1;
}

static int enable(int fd, uint32_t controller)
{
	if (manage(fd, controller, ASSIGN | QUEUES, 2) < 0 ||
	    manage(fd, controller, ASSIGN | INTERRUPTS, 1) < 0)
		return -1;
	return manage(fd, controller, ONLINE, 0);
}

int main(int argc, char **argv)
{
	const char *name = argc == 3 ? strrchr(argv[1], '/') : NULL;
	unsigned long n;
	char path[64];
	int fd, r = 0;

	if (!name) {
		(void)fprintf(stderr, "usage: nvme-virtual CONTROLLER N\n");
		return 2;
	}
	n = strtoul(argv[2], NULL, 10);
	(void)snprintf(path, sizeof(path), "/dev%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		(void)fprintf(stderr, "nvme-virtual: %s: %s\n", path,
			      strerror(errno));
		return 1;
	}
	if (n == 0)
		r = manage(fd, 0, PRIMARY | QUEUES, 0) < 0 ||
		    manage(fd, 0, PRIMARY | INTERRUPTS, 0) < 0;
	for (uint32_t i = 1; i <= n && r == 0; i++)
		r = enable(fd, i);
	(void)close(fd);
	return r != 0;
}
