// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"

/*
 * After a system call that moved @n bytes, or failed: count them in @done.
 * Return: 0 to go on, or why not.
 */
static int advance(ssize_t n, size_t *done)
{
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EIO;
	*done += (size_t)n;
	return 0;
}

int moat_pread_all(int fd, void *buf, size_t len, off_t offset)
{
	uint8_t *p = buf;
	size_t done = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && done < len) {
		n = pread(fd, p + done, len - done, offset + (off_t)done);
		r = advance(n, &done);
	}
	return r;
}

int moat_pwrite_all(int fd, const void *buf, size_t len, off_t offset)
{
	const uint8_t *p = buf;
	size_t done = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && done < len) {
		n = pwrite(fd, p + done, len - done, offset + (off_t)done);
		r = advance(n, &done);
	}
	return r;
}

int moat_write_all(int fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t done = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && done < len) {
		n = write(fd, p + done, len - done);
		r = advance(n, &done);
	}
	return r;
}

/* Read until the end or until @size is full. */
static int read_to_end(int fd, uint8_t *buf, size_t size, size_t *ret_len)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

int moat_read_text(const char *path, char *buf, size_t size)
{
	size_t len;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = read_to_end(fd, (uint8_t *)buf, size, &len);
	(void)close(fd);
	if (r < 0)
		return r;
	if (len >= size)
		return -EFBIG;
	if (len > 0 && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return 0;
}

int moat_write_text(const char *path, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;
	int fd, r = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		r = -errno;
	else if ((size_t)n != len)
		r = -EIO;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int moat_link_name(const char *path, char *buf, size_t size)
{
	char target[PATH_MAX];
	const char *name;
	ssize_t n;

	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (strlen(name) >= size)
		return -EFBIG;
	memcpy(buf, name, strlen(name) + 1);
	return 0;
}

int moat_read_file(const char *path, size_t max, void **ret_data,
		   size_t *ret_len)
{
	struct stat st;
	size_t len = 0;
	uint8_t *data;
	int fd, r;

	/* A FIFO would have to be waited for; it is refused. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		r = -errno;
		goto close_fd;
	}
	if (!S_ISREG(st.st_mode)) {
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
		goto close_fd;
	}
	if ((uint64_t)st.st_size > max) {
		r = -EFBIG;
		goto close_fd;
	}
	data = malloc((size_t)st.st_size + 1);
	if (!data) {
		r = -ENOMEM;
		goto close_fd;
	}
	r = read_to_end(fd, data, (size_t)st.st_size, &len);
	if (r < 0) {
		free(data);
		goto close_fd;
	}
	data[len] = 0; /* so that text can be used as a string */
	*ret_data = data;
	*ret_len = len;
close_fd:
	(void)close(fd);
	return r;
}
