// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pinning by io_uring, see pin.h. The ring does nothing else; it is made
 * with the two system calls that this takes.
 *
 * Source: io_uring_setup(2), io_uring_register(2).
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/util.h"
#include "vmm-glue/pin.h"

/* The most that the kernel takes as one buffer, and so many of them. */
#define BUFFER_MAX  GiB
#define BUFFERS_MAX (1u << 14)

static int explain(int r, const char *call, uint64_t len, struct moat_err *err)
{
	switch (r) {
	case -ENOSYS:
		return moat_fail(err, r,
				 "dma=none pins guest RAM with io_uring, which "
				 "this kernel is built without "
				 "(CONFIG_IO_URING)");
	case -EPERM:
		return moat_fail(err, r,
				 "dma=none pins guest RAM with io_uring, which "
				 "is forbidden here; allow it with: "
				 "sysctl kernel.io_uring_disabled=0");
	case -ENOMEM:
		return moat_fail(
			err, r,
			"cannot pin %llu MiB of guest RAM: %s; without "
			"CAP_IPC_LOCK the memlock limit must be that "
			"large (ulimit -l)",
			(unsigned long long)(len / MiB), strerror(-r));
	default:
		return moat_fail(err, r, "cannot pin guest RAM: %s: %s", call,
				 strerror(-r));
	}
}

static int register_buffers(int ring, uint8_t *base, uint64_t len)
{
	size_t n = (size_t)((len + BUFFER_MAX - 1) / BUFFER_MAX);
	struct iovec *buffer;
	int r = 0;

	if (n > BUFFERS_MAX)
		return -E2BIG;
	buffer = calloc(n, sizeof(*buffer));
	if (!buffer)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		buffer[i].iov_base = base + i * BUFFER_MAX;
		buffer[i].iov_len = min_u64(len - i * BUFFER_MAX, BUFFER_MAX);
	}
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS,
		    buffer, (unsigned int)n) < 0)
		r = -errno;
	free(buffer);
	return r;
}

int pin_memory(void *base, uint64_t len, int *ret_fd, struct moat_err *err)
{
	struct io_uring_params params = { 0 };
	int ring, r;

	ring = (int)syscall(SYS_io_uring_setup, 1, &params); /* close-on-exec */
	if (ring < 0)
		return explain(-errno, "io_uring_setup", len, err);
	r = register_buffers(ring, base, len);
	if (r < 0) {
		(void)close(ring);
		return explain(r, "IORING_REGISTER_BUFFERS", len, err);
	}
	*ret_fd = ring;
	return 0;
}
