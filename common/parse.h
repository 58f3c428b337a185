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

#endif /* MOAT_COMMON_PARSE_H */
