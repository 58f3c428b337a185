// SPDX-License-Identifier: GPL-2.0-or-later
/* guest= of several devices together. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/machine_slots.h"
#include "vmm-glue/pci_host.h"

#define MANY 64

static struct moat_device_spec spec[MANY];
static const struct moat_device_spec *specs[MANY];

static size_t parse(const char *const *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char full[64];

		(void)snprintf(full, sizeof(full), "host=%zu:0.0,%s", i,
			       text[i]);
		ck_assert_int_eq(moat_device_spec_parse(full, &spec[i], NULL),
				 0);
		specs[i] = &spec[i];
	}
	return n;
}

static const struct {
	const char *text[4];
	int want;
	const char *says;
} cases[] = {
	{ { "name=a" }, 0, NULL },
	{ { "name=a", "name=b" }, 0, NULL },
	{ { "name=a,guest=5", "name=b,guest=5.1" }, 0, NULL },
	{ { "name=a,guest=5.7", "name=b", "name=c,guest=5" }, 0, NULL },
	{ { "name=a,guest=5", "name=b,guest=5.0" },
	  -EINVAL,
	  "b and a both ask for guest=5.0" },
	{ { "name=a,guest=1f.3", "name=b,guest=1f", "name=c,guest=1f.3" },
	  -EINVAL,
	  "c and a both ask for guest=1f.3" },
	{ { "name=a,guest=5.1" },
	  -EINVAL,
	  "a: guest=5.1, but no device is guest=5.0" },
	{ { "name=a,guest=5", "name=b,guest=6.1" },
	  -EINVAL,
	  "b: guest=6.1, but no device is guest=6.0" },
};

START_TEST(conflicts_are_refused_by_name)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct moat_err err = { "" };
		size_t n = 0;
		int r;

		while (n < 4 && cases[i].text[n])
			n++;
		r = machine_slots_check(specs, parse(cases[i].text, n), &err);
		ck_assert_msg(r == cases[i].want, "case %zu: %d", i, r);
		if (r < 0)
			ck_assert_msg(strncmp(err.msg, cases[i].says,
					      strlen(cases[i].says)) == 0,
				      "%s", err.msg);
	}
}
END_TEST

/* Eight functions take one slot; 31 slots there are. */
START_TEST(slots_are_counted_not_functions)
{
	const char *text[MANY];
	char buf[MANY][16];
	struct moat_err err;
	size_t n = 0;

	for (unsigned int slot = 1; slot <= PCI_HOST_PLACES; slot++) {
		(void)snprintf(buf[n], sizeof(buf[n]), "guest=%x", slot);
		text[n] = buf[n];
		n++;
	}
	for (unsigned int fn = 1; fn < 8; fn++) {
		(void)snprintf(buf[n], sizeof(buf[n]), "guest=3.%x", fn);
		text[n] = buf[n];
		n++;
	}
	ck_assert_int_eq(machine_slots_check(specs, parse(text, n), &err), 0);
	ck_assert(machine_slots_shared(specs, n, 2));
	ck_assert(machine_slots_shared(specs, n, n - 1));
	ck_assert(!machine_slots_shared(specs, n, 3));
	text[n++] = "name=last";
	ck_assert_int_eq(machine_slots_check(specs, parse(text, n), &err),
			 -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.msg, "39 times, for 32 slots"));
}
END_TEST

/* What is anywhere is not together. */
START_TEST(order_of_plugging)
{
	static const char *const text[] = { "name=a", "guest=2.1", "guest=2",
					    "name=b" };
	size_t n = parse(text, ARRAY_SIZE(text));

	ck_assert_uint_eq(machine_slots_rank(specs[2]), 0);
	ck_assert_uint_eq(machine_slots_rank(specs[1]), 1);
	ck_assert_uint_eq(machine_slots_rank(specs[0]), 2);
	ck_assert_uint_lt(2, MACHINE_SLOTS_RANKS);
	ck_assert(!machine_slots_shared(specs, n, 0));
	ck_assert(!machine_slots_shared(specs, n, 3));
}
END_TEST

CHECK_MAIN("machine_slots", conflicts_are_refused_by_name,
	   slots_are_counted_not_functions, order_of_plugging)
