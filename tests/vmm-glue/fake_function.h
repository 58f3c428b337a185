/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PCI function of plain memory with BARs that size as real ones do. */
#ifndef MOAT_TESTS_FAKE_FUNCTION_H
#define MOAT_TESTS_FAKE_FUNCTION_H

#include <stdbool.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "vmm-glue/pci_host.h"

struct fake_function {
	uint8_t config[4096];
	struct moat_bar_info bar[MOAT_PCI_ROM + 1];
	unsigned int resets;
	size_t reset_with; /* functions that the last reset was of */
	int reset_result;
	unsigned int bad_accesses; /* unaligned, or of a wrong size */
};

/* An access that the contract does not allow is counted, and not done. */
static inline bool fake_check(struct fake_function *fn, uint16_t offset,
			      unsigned int size)
{
	bool good = (size == 1 || size == 2 || size == 4) &&
		    offset % size == 0 && offset <= sizeof(fn->config) - size;

	if (!good)
		fn->bad_accesses++;
	return good;
}

static inline uint32_t fake_config_read(void *opaque, uint16_t offset,
					unsigned int size)
{
	struct fake_function *fn = opaque;
	uint32_t value = 0;

	if (fake_check(fn, offset, size))
		memcpy(&value, fn->config + offset, size);
	return value;
}

static inline void fake_config_write(void *opaque, uint16_t offset,
				     unsigned int size, uint32_t value)
{
	struct fake_function *fn = opaque;

	if (fake_check(fn, offset, size) && offset >= 4) /* ids stay */
		/* cppcheck-suppress pointerOutOfBoundsCond; just checked */
		memcpy(fn->config + offset, &value, size);
}

static inline void fake_bar(void *opaque, unsigned int index,
			    struct moat_bar_info *ret_info)
{
	*ret_info = ((struct fake_function *)opaque)->bar[index];
}

static inline int fake_reset(void *const *opaque, size_t n,
			     struct moat_err *err)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		struct fake_function *fn = opaque[i];

		fn->resets++;
		fn->reset_with = n;
		memset(fn->config + 4, 0, 0x3c - 4);
		if (fn->reset_result < 0)
			r = moat_fail(err, fn->reset_result, "it will not");
	}
	return r;
}

static const struct pci_function_ops fake_function_ops = {
	.config_read = fake_config_read,
	.config_write = fake_config_write,
	.bar = fake_bar,
	.reset = fake_reset,
};

static inline void fake_function_init(struct fake_function *fn, uint16_t device)
{
	memset(fn, 0, sizeof(*fn));
	fn->config[0] = 0x34;
	fn->config[1] = 0x12;
	memcpy(fn->config + 2, &device, 2);
}

static inline uint64_t fake_bar_address(const struct fake_function *fn,
					unsigned int index)
{
	uint64_t addr = 0;

	memcpy(&addr,
	       fn->config + (index == MOAT_PCI_ROM
				     ? PCI_ROM_ADDRESS
				     : PCI_BASE_ADDRESS_0 + 4 * index),
	       fn->bar[index].kind == MOAT_BAR_MEM64 ? 8 : 4);
	return addr;
}

#endif /* MOAT_TESTS_FAKE_FUNCTION_H */
