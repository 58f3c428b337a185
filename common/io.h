/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole reads and writes: EINTR and short transfers end here. */
#ifndef MOAT_COMMON_IO_H
#define MOAT_COMMON_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * moat_pread_all() - read exactly @len bytes at @offset
 * Return: 0, -EIO when the file ends first, or the read's errno, negative.
 */
int moat_pread_all(int fd, void *buf, size_t len, off_t offset);

/** moat_pwrite_all() - write exactly @len bytes at @offset; see above */
int moat_pwrite_all(int fd, const void *buf, size_t len, off_t offset);

/** moat_write_all() - write exactly @len bytes where the file stands */
int moat_write_all(int fd, const void *buf, size_t len);

/**
 * moat_read_text() - read a small text file, such as an attribute of sysfs
 * @size: of @buf; the text must be shorter
 *
 * The trailing newline is taken off.
 * Return: 0, -EFBIG when it does not fit, or open's or read's errno.
 */
int moat_read_text(const char *path, char *buf, size_t size);

/**
 * moat_write_text() - write an attribute of sysfs in one write()
 * Return: 0, or open's, write's or close's errno, negative.
 */
int moat_write_text(const char *path, const char *text);

/**
 * moat_link_name() - the last part of what a symbolic link points to
 * Return: 0, -EFBIG when it does not fit, or readlink's errno.
 */
int moat_link_name(const char *path, char *buf, size_t size);

/**
 * moat_read_file() - read a whole file into memory
 * @max: refuse a larger one with -EFBIG
 *
 * The caller frees *@ret_data.
 */
int moat_read_file(const char *path, size_t max, void **ret_data,
		   size_t *ret_len);

#endif /* MOAT_COMMON_IO_H */
