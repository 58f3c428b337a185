/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI device driven from user space, as root, through sysfs: what the
 * programs in the lab's guests share. Everything that fails ends the program,
 * with a sentence.
 */
#ifndef MOAT_TESTS_GUEST_DEVICE_H
#define MOAT_TESTS_GUEST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u

extern const char *program; /* for messages */

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

uint64_t now_ms(void);
uint64_t number(const char *text);

/* A file of the device's directory in sysfs. */
int open_attr(const char *bdf, const char *attr);

/* Memory decode on; bus mastering as asked. */
void set_command(const char *bdf, bool master);

/* A BAR's registers; *@ret_len becomes its size. */
volatile uint8_t *map_bar(const char *bdf, unsigned int bar, size_t *ret_len);

uint64_t physical(const void *p);

/* A locked page of ours, whose physical address is @min or more. */
uint8_t *page_above(uint64_t min);

static inline uint32_t read32(volatile const uint8_t *bar, size_t offset)
{
	return *(volatile const uint32_t *)(bar + offset);
}

static inline void write32(volatile uint8_t *bar, size_t offset, uint32_t value)
{
	*(volatile uint32_t *)(bar + offset) = value;
}

static inline uint64_t read64(volatile const uint8_t *bar, size_t offset)
{
	return *(volatile const uint64_t *)(bar + offset);
}

static inline void write64(volatile uint8_t *bar, size_t offset, uint64_t value)
{
	*(volatile uint64_t *)(bar + offset) = value;
}

#endif /* MOAT_TESTS_GUEST_DEVICE_H */
