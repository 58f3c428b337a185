// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -pcidevice's argument: "host=04:08.0,name=disk". Text only; whether there
 * is such a device is asked when it is opened.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <moat/device_spec.h>

#include "common/opt.h"
#include "common/parse.h"
#include "common/util.h"

#define WHAT "-pcidevice"

/* The values as given. */
struct raw_spec {
	const char *host;
	const char *name; /* NULL: not given */
	int dma;	  /* enum moat_dma_mode */
	bool managed;
	int on_error; /* enum moat_on_error */
	int pio;      /* enum moat_pio_mode */
	int irq;      /* enum moat_irq */
	const char *rom;
	const char *guest; /* NULL: not given */
	const char *vf_token;
	unsigned int fd; /* 0: not given */
};

#define KEY(field, name, type, ...) \
	OPT(struct raw_spec, field, name, type, __VA_ARGS__)

static const struct opt_desc spec_desc[] = {
	KEY(host, "host", OPT_STR, .arg = "[DDDD:]BB:DD.F", .required = true,
	    .help = "the host's PCI function, as `moat devices` lists it"),
	KEY(dma, "dma", OPT_ENUM, .choices = "iommu|none", .def = "iommu",
	    .help = "what lies between the device and memory"),
	KEY(name, "name", OPT_STR, .arg = "STR",
	    .help = "its name in messages (default: its address)"),
	KEY(managed, "managed", OPT_BOOL, .def = "off",
	    .help = "take it from its driver now, give it back at exit"),
	KEY(on_error, "onerror", OPT_ENUM, .choices = "stop|withdraw",
	    .def = "stop",
	    .help = "when it fails, or the host asks for it: end, or go on "
		    "without"),
	KEY(pio, "pio", OPT_ENUM, .choices = "auto|vfio|direct|thread",
	    .def = "auto", .help = "how its ports are reached"),
	KEY(irq, "irq", OPT_ENUM, .choices = "auto|intx|msi|msix",
	    .def = "auto", .help = "the only kind of interrupt the guest sees"),
	KEY(rom, "rom", OPT_STR, .arg = "on|off|FILE", .def = "off",
	    .help = "the expansion ROM that the guest sees"),
	KEY(guest, "guest", OPT_STR, .arg = "SLOT[.FN]",
	    .help = "where the guest sees it, in hexadecimal (default: a free "
		    "slot)"),
	KEY(vf_token, "vf-token", OPT_STR, .arg = "UUID",
	    .help = "of a virtual function whose physical one VFIO has, or of "
		    "that"),
	KEY(fd, "fd", OPT_UINT, .arg = "N", .min = 3, .max = INT_MAX,
	    .help = "its /dev/vfio/devices/vfioN, opened by the caller"),
};

static const struct opt_table spec_table = {
	.desc = spec_desc,
	.n = ARRAY_SIZE(spec_desc),
};

/* Names appear in messages and on terminals: printable ASCII only. */
static int set_name(struct moat_device_spec *spec, const char *name,
		    struct moat_err *err)
{
	size_t len = strlen(name);

	if (len >= MOAT_NAME_MAX)
		return moat_fail(err, -EINVAL,
				 WHAT ": name is %zu characters long; at most "
				      "%d fit",
				 len, MOAT_NAME_MAX - 1);
	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			return moat_fail(err, -EINVAL,
					 WHAT ": character %zu of name is not "
					      "printable ASCII",
					 i + 1);
	memcpy(spec->name, name, len + 1);
	return 0;
}

static int set_rom(struct moat_device_spec *spec, const char *rom,
		   struct moat_err *err)
{
	size_t len = strlen(rom);

	if (strcmp(rom, "off") == 0)
		spec->rom = MOAT_ROM_OFF;
	else if (strcmp(rom, "on") == 0)
		spec->rom = MOAT_ROM_ON;
	else
		spec->rom = MOAT_ROM_FILE;
	if (spec->rom != MOAT_ROM_FILE)
		return 0;
	if (len >= MOAT_ROM_FILE_MAX)
		return moat_fail(err, -EINVAL,
				 WHAT ": rom is a path of %zu characters; at "
				      "most %d fit",
				 len, MOAT_ROM_FILE_MAX - 1);
	memcpy(spec->rom_file, rom, len + 1);
	return 0;
}

/* As QEMU's addr= and lspci have it: "5", "1f.3". 0 is the host bridge. */
static int set_guest(struct moat_device_spec *spec, const char *guest,
		     struct moat_err *err)
{
	uint64_t dev = 0, fn = 0;
	char text[16], *dot;
	int r = 0;

	if (strlen(guest) >= sizeof(text))
		r = -EINVAL;
	if (r == 0) {
		(void)strcpy(text, guest);
		dot = strchr(text, '.');
		if (dot)
			*dot++ = '\0';
		r = moat_parse_u64(text, 16, &dev);
		if (r == 0 && dot)
			r = moat_parse_u64(dot, 16, &fn);
	}
	if (r < 0 || dev < 1 || dev > 0x1f || fn > 7)
		return moat_fail(err, -EINVAL,
				 WHAT ": '%s' is not a value of guest: "
				      "expected SLOT or SLOT.FN, 1 to 1f and 0 "
				      "to 7 in hexadecimal",
				 guest);
	spec->guest.dev = (uint8_t)dev;
	spec->guest.fn = (uint8_t)fn;
	return 0;
}

static int set_vf_token(struct moat_device_spec *spec, const char *text,
			struct moat_err *err)
{
	uint8_t bytes[16];

	if (moat_parse_uuid(text, bytes) < 0)
		return moat_fail(err, -EINVAL,
				 WHAT ": '%s' is not a value of vf-token: "
				      "expected a UUID, as uuidgen prints it",
				 text);
	memcpy(spec->vf_token, text, sizeof(spec->vf_token));
	return 0;
}

static int interpret(const struct raw_spec *raw, struct moat_device_spec *spec,
		     struct moat_err *err)
{
	char addr[MOAT_BDF_STRLEN];
	int r;

	r = moat_bdf_parse(raw->host, &spec->host, err);
	if (r < 0)
		return moat_fail_prefix(err, r, WHAT ": host");
	spec->dma = (enum moat_dma_mode)raw->dma;
	spec->managed = raw->managed;
	spec->on_error = (enum moat_on_error)raw->on_error;
	spec->pio = (enum moat_pio_mode)raw->pio;
	spec->irq = (enum moat_irq)raw->irq;
	r = set_rom(spec, raw->rom, err);
	if (r < 0)
		return r;
	if (raw->guest)
		r = set_guest(spec, raw->guest, err);
	if (r == 0 && raw->vf_token)
		r = set_vf_token(spec, raw->vf_token, err);
	if (r < 0)
		return r;
	spec->fd = (int)raw->fd;
	if (spec->fd && spec->managed)
		return moat_fail(err, -EINVAL,
				 WHAT ": fd and managed=on exclude each other: "
				      "a device with an open file has its "
				      "driver already");
	return set_name(spec,
			raw->name ? raw->name : moat_bdf_str(spec->host, addr),
			err);
}

int moat_device_spec_parse(const char *text, struct moat_device_spec *ret_spec,
			   struct moat_err *err)
{
	struct moat_device_spec spec = { 0 };
	struct raw_spec raw = { 0 };
	char *copy;
	int r;

	copy = strdup(text);
	if (!copy)
		return moat_fail(err, -ENOMEM, WHAT ": out of memory");
	r = opt_parse_keys(&spec_table, WHAT, copy, &raw, err);
	if (r == 0)
		r = interpret(&raw, &spec, err);
	free(copy);
	if (r == 0)
		*ret_spec = spec;
	return r;
}

void moat_device_spec_help(FILE *out)
{
	(void)fprintf(out, WHAT " host=[DDDD:]BB:DD.F[,KEY=VALUE]...\n\n");
	opt_help(&spec_table, "", out);
	(void)fprintf(out, "\nExample: " WHAT
			   " host=04:08.0,name=disk,managed=on\n");
}
