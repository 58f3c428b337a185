/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -pcidevice's argument, parsed. */
#ifndef MOAT_DEVICE_SPEC_H
#define MOAT_DEVICE_SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <moat/bdf.h>
#include <moat/err.h>

#ifdef __cplusplus
extern "C" {
#endif

enum moat_dma_mode {
	MOAT_DMA_IOMMU, /* every access translated; the default */
	MOAT_DMA_NONE,	/* no fence; asked for by name */
};

/* What becomes of the guest when the device fails or is asked back. */
enum moat_on_error {
	MOAT_ON_ERROR_STOP,	/* the guest ends; the default */
	MOAT_ON_ERROR_WITHDRAW, /* it goes on without the device */
};

/* How the device's ports are reached, if it has any. */
enum moat_pio_mode {
	MOAT_PIO_AUTO,	 /* the default: vfio */
	MOAT_PIO_VFIO,	 /* reads and writes of the VFIO device */
	MOAT_PIO_DIRECT, /* port instructions on the vCPUs' threads */
	MOAT_PIO_THREAD, /* port instructions on a thread for the device */
};

/* The interrupts that the guest may use. */
enum moat_irq {
	MOAT_IRQ_AUTO, /* the default: all that the device has */
	MOAT_IRQ_INTX,
	MOAT_IRQ_MSI,
	MOAT_IRQ_MSIX,
};

/* The expansion ROM that the guest sees. */
enum moat_rom {
	MOAT_ROM_OFF, /* none; the default */
	MOAT_ROM_ON,  /* the device's own */
	MOAT_ROM_FILE,
};

/* Where the guest is to see the function. */
struct moat_guest_slot {
	uint8_t dev; /* 1 to 31; 0: wherever there is room */
	uint8_t fn;
};

#define MOAT_NAME_MAX	     64
#define MOAT_ROM_FILE_MAX    4096 /* PATH_MAX */

#define MOAT_VF_TOKEN_STRLEN 37 /* a UUID as text */

struct moat_device_spec {
	struct moat_bdf host;
	enum moat_dma_mode dma;
	char name[MOAT_NAME_MAX]; /* never empty after parsing */
	bool managed;
	struct moat_guest_slot guest; /* the VMM's, too */
	enum moat_on_error on_error;  /* policy: the VMM's, not the engine's */
	enum moat_pio_mode pio;
	enum moat_irq irq;
	enum moat_rom rom;
	char rom_file[MOAT_ROM_FILE_MAX]; /* "" unless MOAT_ROM_FILE */
	/* What its physical function's user asks for; "": nothing. */
	char vf_token[MOAT_VF_TOKEN_STRLEN];
	int fd; /* its VFIO file, open already; 0: none */
};

/**
 * moat_device_spec_parse() - read "host=BDF[,key=value]..."
 *
 * Return: 0, or -EINVAL with a sentence naming the key, value or trailing
 * text that is wrong, or the key that is missing or given twice.
 */
int moat_device_spec_parse(const char *text, struct moat_device_spec *ret_spec,
			   struct moat_err *err)
	__attribute__((visibility("default")));

/** moat_device_spec_help() - explain the keys, one a line */
void moat_device_spec_help(FILE *out) __attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif
#endif /* MOAT_DEVICE_SPEC_H */
