/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers out of text, whole and overflow-checked. */
#ifndef MOAT_COMMON_PARSE_H
#define MOAT_COMMON_PARSE_H

#include <stdint.h>

/** moat_hex_digit() - value of a hexadecimal digit, -1 when it is none */
int moat_hex_digit(char c);

/**
 * moat_parse_u64() - read a whole unsigned number
 * @base: 10, 16 (with or without 0x), or 0 for C's prefixes
 *
 * No sign, no white space, nothing behind it.
 * Return: 0, -EINVAL, or -ERANGE.
 */
int moat_parse_u64(const char *text, int base, uint64_t *ret_value);

/**
 * moat_parse_size() - read a number of bytes: "512M", "4G", "4096"
 *
 * Suffixes k, M, G, T in either case are powers of 1024; none means bytes.
 * Return: 0, -EINVAL, or -ERANGE.
 */
int moat_parse_size(const char *text, uint64_t *ret_bytes);

/**
 * moat_parse_uuid() - read "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3"
 * @ret_bytes: in the order of the text (RFC 4122)
 *
 * Return: 0 or -EINVAL.
 */
int moat_parse_uuid(const char *text, uint8_t ret_bytes[16]);

#endif /* MOAT_COMMON_PARSE_H */
