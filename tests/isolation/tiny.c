// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tiny: a guest's kernel that boots in no time. It turns on what the edu
 * devices have (memory decode, bus mastering, INTx, MSI), off again, and
 * powers off.
 *
 * An ELF file as vmlinux is, entered by the 64-bit boot protocol, which gives
 * it a stack. Addresses: vmm-glue/layout.h.
 */
#include <stdint.h>

#include <linux/pci_regs.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define PM1_CONTROL    0x604
#define POWER_OFF      (5u << 10 | 1u << 13)

#define EDU	       0x11e81234u
#define BUSES	       32

static void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static uint32_t config_read(uint32_t function, uint32_t offset)
{
	out32(CONFIG_ADDRESS, 1u << 31 | function << 8 | (offset & 0xfc));
	return in32(CONFIG_DATA);
}

static void config_write(uint32_t function, uint32_t offset, uint32_t value)
{
	out32(CONFIG_ADDRESS, 1u << 31 | function << 8 | (offset & 0xfc));
	out32(CONFIG_DATA, value);
}

static uint32_t find_msi(uint32_t function)
{
	uint32_t at = config_read(function, PCI_CAPABILITY_LIST) & 0xff;

	while (at && (config_read(function, at) & 0xff) != PCI_CAP_ID_MSI)
		at = config_read(function, at) >> 8 & 0xff;
	return at;
}

static void use(uint32_t function)
{
	const uint32_t on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	uint32_t msi = find_msi(function), flags;

	config_write(function, PCI_COMMAND, on);
	if (msi) {
		flags = config_read(function, msi);
		config_write(function, msi + 4, 0xfee00000);
		config_write(function, msi + 12, 0x30);
		config_write(function, msi,
			     flags | (uint32_t)PCI_MSI_FLAGS_ENABLE << 16);
		config_write(function, msi, flags);
	}
	config_write(function, PCI_COMMAND, on | PCI_COMMAND_INTX_DISABLE);
	config_write(function, PCI_COMMAND, 0);
}

void _start(void);

__attribute__((noreturn)) void _start(void)
{
	for (uint32_t slot = 0; slot < BUSES * 32; slot++)
		if (config_read(slot << 3, 0) == EDU)
			use(slot << 3);
	out16(PM1_CONTROL, POWER_OFF);
	for (;;)
		__asm__ volatile("hlt");
}
