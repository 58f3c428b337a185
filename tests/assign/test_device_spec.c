// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moat/device_spec.h>

#include "common/util.h"
#include "tests/check_main.h"

static const struct {
	const char *text;
	struct moat_device_spec want;
} good[] = {
	{ "host=04:08.0",
	  { .host = { 0, 4, 8, 0 },
	    .dma = MOAT_DMA_IOMMU,
	    .name = "0000:04:08.0" } },
	{ "host=0000:04:08.0,dma=iommu,name=disk,managed=on",
	  { .host = { 0, 4, 8, 0 },
	    .dma = MOAT_DMA_IOMMU,
	    .name = "disk",
	    .managed = true } },
	{ "host=04:08.0,rom=off",
	  { .host = { 0, 4, 8, 0 }, .name = "0000:04:08.0" } },
	{ "host=04:08.0,rom=on",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .rom = MOAT_ROM_ON } },
	{ "host=04:08.0,rom=./on",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .rom = MOAT_ROM_FILE,
	    .rom_file = "./on" } },
	{ "host=04:08.0,pio=auto",
	  { .host = { 0, 4, 8, 0 }, .name = "0000:04:08.0" } },
	{ "host=04:08.0,pio=vfio",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .pio = MOAT_PIO_VFIO } },
	{ "host=04:08.0,pio=direct",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .pio = MOAT_PIO_DIRECT } },
	{ "pio=thread,host=04:08.0",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .pio = MOAT_PIO_THREAD } },
	{ "host=04:08.0,irq=auto",
	  { .host = { 0, 4, 8, 0 }, .name = "0000:04:08.0" } },
	{ "host=04:08.0,irq=intx",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .irq = MOAT_IRQ_INTX } },
	{ "irq=msi,host=04:08.0",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .irq = MOAT_IRQ_MSI } },
	{ "host=04:08.0,irq=msix",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .irq = MOAT_IRQ_MSIX } },
	{ "host=04:08.0,guest=5",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .guest = { 5, 0 } } },
	{ "host=04:08.0,guest=0x1f.7",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .guest = { 31, 7 } } },
	{ "guest=10.0,host=04:08.0",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .guest = { 16, 0 } } },
	{ "host=04:08.0,vf-token=bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .vf_token = "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3" } },
	{ "host=04:08.0,onerror=stop",
	  { .host = { 0, 4, 8, 0 }, .name = "0000:04:08.0" } },
	{ "onerror=withdraw,host=04:08.0",
	  { .host = { 0, 4, 8, 0 },
	    .name = "0000:04:08.0",
	    .on_error = MOAT_ON_ERROR_WITHDRAW } },
	{ "name=a b=c,managed=off,dma=none,host=10000:e1:1f.7",
	  { .host = { 0x10000, 0xe1, 0x1f, 7 },
	    .dma = MOAT_DMA_NONE,
	    .name = "a b=c" } },
	{ "host=04:08.0,fd=17,managed=off",
	  { .host = { 0, 4, 8, 0 }, .name = "0000:04:08.0", .fd = 17 } },
	{ "host=A:1.2", { .host = { 0, 0xa, 1, 2 }, .name = "0000:0a:01.2" } },
	{ "host=1:2.3,name="
	  "123456789012345678901234567890123456789012345678901234567890123",
	  { .host = { 0, 1, 2, 3 },
	    .name = "1234567890123456789012345678901234567890123456789012345678"
		    "90123" } },
};

START_TEST(good_specs_are_understood)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const struct moat_device_spec *want = &good[i].want;
		struct moat_device_spec spec;
		struct moat_err err;
		int r;

		r = moat_device_spec_parse(good[i].text, &spec, &err);
		ck_assert_msg(r == 0, "%s: %s", good[i].text, err.msg);
		ck_assert(moat_bdf_equal(spec.host, want->host));
		ck_assert_int_eq(spec.dma, want->dma);
		ck_assert_str_eq(spec.name, want->name);
		ck_assert_int_eq(spec.managed, want->managed);
		ck_assert_int_eq(spec.on_error, want->on_error);
		ck_assert_int_eq(spec.pio, want->pio);
		ck_assert_int_eq(spec.irq, want->irq);
		ck_assert_int_eq(spec.rom, want->rom);
		ck_assert_str_eq(spec.rom_file, want->rom_file);
		ck_assert_int_eq(spec.guest.dev, want->guest.dev);
		ck_assert_int_eq(spec.guest.fn, want->guest.fn);
		ck_assert_str_eq(spec.vf_token, want->vf_token);
		ck_assert_int_eq(spec.fd, want->fd);
	}
}
END_TEST

/* Each bad spec, and a part of its sentence that names what is wrong. */
static const struct {
	const char *text, *says;
} bad[] = {
	{ "", "-pcidevice" },
	{ "dma=iommu", "host is missing" },
	{ "host", "'host' needs a value" },
	{ "host=", "'host' needs a value" },
	{ "04:08.0", "unknown key '04:08.0'" },
	{ "host=04:08", "'04:08' is not a PCI address" },
	{ "host=04:08.8", "'04:08.8' is not a PCI address" },
	{ "host=04:20.0", "'04:20.0' is not a PCI address" },
	{ "host=04:08.0 ", "'04:08.0 ' is not a PCI address" },
	{ "host=04:08.0x", "'04:08.0x' is not a PCI address" },
	{ "host=100000000:04:08.0", "is not a PCI address" },
	{ "host=04:08.0,", "nothing where a key=value" },
	{ "host=04:08.0,,dma=iommu", "nothing where a key=value" },
	{ ",host=04:08.0", "nothing where a key=value" },
	{ "host=04:08.0,dma=off", "'off' is not a value of dma" },
	{ "host=04:08.0,dma=IOMMU", "expected iommu|none" },
	{ "host=04:08.0,dma=iommu|none", "is not a value of dma" },
	{ "host=04:08.0,dma=", "'dma' needs a value" },
	{ "host=04:08.0,managed=yes", "'yes' is not a value of managed" },
	{ "host=04:08.0,fd=2", "'2' is not a value of fd" },
	{ "host=04:08.0,fd=-1", "'-1' is not a value of fd" },
	{ "host=04:08.0,fd=2147483648", "is not a value of fd" },
	{ "host=04:08.0,fd=7,managed=on", "fd and managed=on exclude" },
	{ "host=04:08.0,managed", "'managed' needs a value" },
	{ "host=04:08.0,Dma=iommu", "unknown key 'Dma'" },
	{ "host=04:08.0,rom=", "'rom' needs a value" },
	{ "host=04:08.0,pio=ioperm", "expected auto|vfio|direct|thread" },
	{ "host=04:08.0,irq=MSI", "expected auto|intx|msi|msix" },
	{ "host=04:08.0,guest=0", "'0' is not a value of guest" },
	{ "host=04:08.0,guest=20", "expected SLOT or SLOT.FN" },
	{ "host=04:08.0,guest=5.8", "'5.8' is not a value of guest" },
	{ "host=04:08.0,guest=5.", "'5.' is not a value of guest" },
	{ "host=04:08.0,guest=.1", "'.1' is not a value of guest" },
	{ "host=04:08.0,guest=5.1.0", "'5.1.0' is not a value of guest" },
	{ "host=04:08.0,guest=-1", "'-1' is not a value of guest" },
	{ "host=04:08.0,guest=05:00.0", "'05:00.0' is not a value of guest" },
	{ "host=04:08.0,guest=10000000000000005", "is not a value of guest" },
	{ "host=04:08.0,vf-token=secret",
	  "'secret' is not a value of vf-token" },
	{ "host=04:08.0,vf-token=bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3-",
	  "expected a UUID" },
	{ "host=04:08.0,onerror=ignore", "expected stop|withdraw" },
	{ "host=04:08.0,color=red", "unknown key 'color'" },
	{ "host=04:08.0,host=04:08.0", "host is given twice" },
	{ "host=04:08.0,name=", "'name' needs a value" },
	{ "host=04:08.0,name=a\nb", "character 2 of name" },
	{ "host=04:08.0,name=\x1b[31m", "character 1 of name" },
	{ "host=04:08.0,name=\x7f", "character 1 of name" },
	{ "host=04:08.0,name=\xc3\xa4", "character 1 of name" },
	{ "host=1:2.3,name="
	  "1234567890123456789012345678901234567890123456789012345678901234",
	  "name is 64 characters long; at most 63 fit" },
};

START_TEST(bad_specs_say_what_is_wrong)
{
	struct moat_device_spec spec, before;

	memset(&spec, 0x5a, sizeof(spec));
	before = spec;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct moat_err err = { "" };
		int r;

		r = moat_device_spec_parse(bad[i].text, &spec, &err);
		ck_assert_msg(r == -EINVAL, "%s: %d", bad[i].text, r);
		ck_assert_msg(strstr(err.msg, bad[i].says) != NULL,
			      "'%s' does not say '%s'", err.msg, bad[i].says);
		ck_assert_msg(strncmp(err.msg, "-pcidevice", 10) == 0, "%s",
			      err.msg);
		ck_assert_int_eq(memcmp(&spec, &before, sizeof(spec)), 0);
	}
}
END_TEST

START_TEST(help_names_every_key)
{
	static const char *const keys[] = { "host=",
					    "dma=iommu|none",
					    "name=",
					    "managed=on|off",
					    "onerror=stop|withdraw",
					    "pio=auto|vfio|direct|thread",
					    "irq=auto|intx|msi|msix",
					    "rom=on|off|FILE",
					    "guest=SLOT[.FN]",
					    "vf-token=UUID",
					    "fd=N" };
	char *text = NULL;
	size_t size = 0;
	FILE *f;

	f = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(f);
	moat_device_spec_help(f);
	ck_assert_int_eq(fclose(f), 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_ptr_nonnull(strstr(text, keys[i]));
	free(text);
}
END_TEST

CHECK_MAIN("device_spec", good_specs_are_understood,
	   bad_specs_say_what_is_wrong, help_names_every_key)
