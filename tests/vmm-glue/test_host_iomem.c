// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "vmm-glue/host_iomem.h"

static const char machine[] =
	"00000000-00000fff : Reserved\n"
	"00001000-0009fbff : System RAM\n"
	"000a0000-000bffff : PCI Bus 0000:00\n"
	"00100000-bfffffff : System RAM\n"
	"  01000000-0220bb07 : Kernel code\n"
	"c0000000-febfffff : PCI Bus 0000:00\n"
	"  e0000000-efffffff : PCI MMCONFIG 0000 [bus 00-ff]\n"
	"    e0000000-efffffff : Reserved\n"
	"  fea00000-feafffff : PCI Bus 0000:01\n"
	"fec00000-fec003ff : IOAPIC 0\n"
	"100000000-63fffffff : System RAM\n"
	"640000000-67fffffff : Soft Reserved\n"
	"700000000-77fffffff : Persistent Memory (legacy)\n"
	"4000000000-7fffffffff : PCI Bus 0000:80\n";

static const struct host_iomem_range machine_ranges[] = {
	{ 0, 0xfff, HOST_IOMEM_OTHER },
	{ 0x1000, 0x9fbff, HOST_IOMEM_RAM },
	{ 0xa0000, 0xbffff, HOST_IOMEM_PCI },
	{ 0x100000, 0xbfffffff, HOST_IOMEM_RAM },
	{ 0xc0000000, 0xfebfffff, HOST_IOMEM_PCI },
	{ 0xfec00000, 0xfec003ff, HOST_IOMEM_OTHER },
	{ 0x100000000, 0x63fffffff, HOST_IOMEM_RAM },
	{ 0x640000000, 0x67fffffff, HOST_IOMEM_RAM },
	{ 0x700000000, 0x77fffffff, HOST_IOMEM_RAM },
	{ 0x4000000000, 0x7fffffffff, HOST_IOMEM_PCI },
};

START_TEST(the_outermost_resources_are_read)
{
	struct host_iomem iomem;

	ck_assert_int_eq(host_iomem_parse(machine, &iomem), 0);
	ck_assert_uint_eq(iomem.n, ARRAY_SIZE(machine_ranges));
	for (size_t i = 0; i < iomem.n; i++) {
		ck_assert_uint_eq(iomem.range[i].first,
				  machine_ranges[i].first);
		ck_assert_uint_eq(iomem.range[i].last, machine_ranges[i].last);
		ck_assert_int_eq(iomem.range[i].kind, machine_ranges[i].kind);
	}
	host_iomem_free(&iomem);
}
END_TEST

static const struct {
	const char *text;
	int want;
} bad_cases[] = {
	/* what a process without CAP_SYS_ADMIN sees */
	{ "00000000-00000000 : System RAM\n00000000-00000000 : PCI Bus 0000:00",
	  -EPERM },
	{ "", -EPERM },
	{ "00001000 : System RAM", -EINVAL },
	{ "00001000-00001fff", -EINVAL },
	{ "00002000-00001fff : System RAM", -EINVAL },
	{ "0000x000-00001fff : System RAM", -EINVAL },
	{ "00001000-000 : -1fff", -EINVAL },
	{ "-00001fff : System RAM", -EINVAL },
	{ "00001000-10000000000000000 : System RAM", -EINVAL },
	{ "name : 00001000-00001fff", -EINVAL },
};

START_TEST(what_is_no_resource_is_refused)
{
	struct host_iomem iomem;

	for (size_t i = 0; i < ARRAY_SIZE(bad_cases); i++)
		ck_assert_msg(host_iomem_parse(bad_cases[i].text, &iomem) ==
				      bad_cases[i].want,
			      "case %zu", i);
}
END_TEST

CHECK_MAIN("host_iomem", the_outermost_resources_are_read,
	   what_is_no_resource_is_refused)
