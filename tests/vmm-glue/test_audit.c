// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The audit, of a host made of files: in good order nothing is found; one
 * thing out of order is one finding, the right one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/audit_host.h"
#include "vmm-glue/audit.h"
#include "vmm-glue/audit_facts.h"

static void expect_clean(const char *addr)
{
	struct audit audit = look(addr);

	ck_assert_msg(audit.n_findings == 0, "%s of %s: %s",
		      audit_rules[audit.findings[0].rule].name,
		      audit.findings[0].subject, audit.findings[0].detail);
	ck_assert_msg(audit.n_unknown == 0, "%s", audit.unknown[0]);
	audit_free(&audit);
}

START_TEST(finds_nothing_in_good_order)
{
	audit_host_setup();
	expect_clean(NULL);
	expect_clean(CARD);
	expect_clean(NIC);
	audit_host_teardown();
}
END_TEST

/* ---- one thing out of order ---- */

static void no_units(void)
{
	char path[PATH_MAX];

	for (int group = 0; group < 4; group++) {
		(void)snprintf(path, sizeof(path),
			       "sys/kernel/iommu_groups/%d/name", group);
		fake_write(&h, path, "vfio-noiommu\n");
	}
	(void)snprintf(path, sizeof(path), "rm -r %s/sys/class/iommu", h.root);
	ck_assert_int_eq(system(path), 0);
}

static void registers(const char *gsts, const char *pmen, const char *irta)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "IOMMU: dmar0 Register Base Address: fed90000\n"
		       "Name\t\t\tOffset\t\tContents\n"
		       "GSTS            \t0x1c\t\t0x%s\n"
		       "PMEN            \t0x64\t\t0x%s\n"
		       "IRTA            \t0xb8\t\t0x%s\n\n",
		       gsts, pmen, irta);
	fake_write(&h, "sys/kernel/debug/iommu/intel/iommu_regset", text);
}

static void registers_in_order(void)
{
	registers("00000000c7000000", "0000000000000000", "000000010000000f");
}

static void unit_off(void)
{
	registers("0000000047000000", "0000000000000000", "000000010000000f");
}

static void unit_without_interrupts(void)
{
	registers("00000000c4000000", "0000000000000000", "000000010000000f");
}

static void compatibility(void)
{
	registers("00000000c7800000", "0000000000000000", "000000010000000f");
}

static void compatibility_in_x2apic_mode(void)
{
	registers("00000000c7800000", "0000000000000000", "000000010000080f");
}

static void protected_memory(void)
{
	registers("00000000c7000000", "0000000080000001", "000000010000000f");
}

static void irtes(const char *high)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "Remapped Interrupt supported on IOMMU: dmar0\n"
		       " IR table address:100000000\n"
		       " Entry SrcID   DstID    Vct IRTE_high\t\tIRTE_low\n"
		       " 23    00:1f.0 00000001 30  %s\t000000010030000d\n",
		       high);
	fake_write(&h, "sys/kernel/debug/iommu/intel/ir_translation_struct",
		   text);
}

static void verified_irte(void)
{
	irtes("000000000004f0f8");
}

static void unverified_irte(void)
{
	irtes("000000000000f0f8");
}

static void dmar_malformed(void)
{
	write_binary("sys/firmware/acpi/tables/DMAR", "DMAR", 4);
}

static void device_without_group(void)
{
	add_function("0000:00:1d.0", NULL, 0x0c0320, NULL, -1);
	set_config("0000:00:1d.0", &card_config);
}

static void noiommu_group(void)
{
	add_function("0000:00:1d.0", NULL, 0x0c0320, "vfio-pci", 7);
	set_config("0000:00:1d.0", &card_config);
	fake_write(&h, "sys/kernel/iommu_groups/7/name", "vfio-noiommu\n");
}

static void noiommu_mode(void)
{
	fake_write(&h, "sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
		   "Y\n");
}

static void noiommu_mode_off(void)
{
	fake_write(&h, "sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
		   "N\n");
}

static void interrupts_not_remapped(void)
{
	fake_write(&h, "proc/interrupts", " 24: 0 0  PCI-MSI 4-edge\n");
}

static void unsafe_type1(void)
{
	fake_write(&h,
		   "sys/module/vfio_iommu_type1/parameters/"
		   "allow_unsafe_interrupts",
		   "Y\n");
}

static void unsafe_iommufd(void)
{
	fake_write(&h, "sys/module/iommufd/parameters/allow_unsafe_interrupts",
		   "Y\n");
}

static void card_masters(void)
{
	struct config config = card_config;

	config.command = PCI_COMMAND_MASTER;
	set_config(CARD, &config);
}

static void acs_override(void)
{
	fake_write(&h, "proc/cmdline", "pcie_acs_override=downstream quiet\n");
}

/* A second function of the card, in its group: that is how both tests begin. */
static void second_function(const char *driver)
{
	struct config config = card_config;

	add_function("0000:01:00.1", "pci0000:00/" PORT, 0x020000, driver, 2);
	config.header_type = 0x80;
	config.acs = 0;
	set_config("0000:01:00.1", &config);
	set_config(CARD, &config);
}

static void group_of_two_owners(void)
{
	add_function("0000:00:1d.0", NULL, 0x0c0320, "xhci_hcd", 8);
	add_function("0000:00:1d.1", NULL, 0x0c0320, "vfio-pci", 8);
	set_config("0000:00:1d.0", &card_config);
	set_config("0000:00:1d.1", &card_config);
	set_group(8, "DMA\n", MSI);
}

static void group_of_two(void)
{
	add_function("0000:00:1d.0", NULL, 0x0c0320, "xhci_hcd", 8);
	add_function("0000:00:1d.1", NULL, 0x0c0320, "xhci_hcd", 8);
	set_config("0000:00:1d.0", &card_config);
	set_config("0000:00:1d.1", &card_config);
	set_group(8, "DMA\n", MSI);
}

static void reserved_ram(struct blob *b)
{
	blob_rmrr(b, 0, 0x20000000, 0x200fffff);
	blob_close(b);
}

static void reserved_not_ram(struct blob *b)
{
	blob_rmrr(b, 0, 0x40000000, 0x400fffff);
	blob_close(b);
}

static void rmrr_in_ram(void)
{
	set_dmar(reserved_ram);
}

static void rmrr_in_order(void)
{
	set_dmar(reserved_not_ram);
}

static void reserved_type(struct blob *b)
{
	blob_drhd(b, true, 0, 0xfed91000);
	blob_close(b);
}

static void dmar_odd(void)
{
	set_dmar(reserved_type);
}

static void pass_through(void)
{
	set_group(2, "identity\n", MSI);
}

static void lazy(void)
{
	set_group(2, "DMA-FQ\n", MSI);
}

static void direct(void)
{
	set_group(2, "DMA\n",
		  "0x000000007b800000 0x000000007fffffff direct\n" MSI);
}

static void relaxable(void)
{
	set_group(
		2, "DMA\n",
		"0x0000000000000000 0x0000000000ffffff direct-relaxable\n" MSI);
}

static void ats_on(void)
{
	struct config config = card_config;

	config.ats = PCI_ATS_CTRL_ENABLE;
	set_config(CARD, &config);
}

static void can_ats(void)
{
	struct config config = card_config;

	config.ats = 0;
	set_config(CARD, &config);
}

static void all_ports(struct blob *b)
{
	blob_scoped(b, 2, true, 0);
	blob_close(b);
}

static void the_port(struct blob *b)
{
	blob_scoped(b, 2, false, 0);
	blob_scope1(b, 2, 0, 0x1c, 0);
	blob_close(b);
}

static void another_port(struct blob *b)
{
	blob_scoped(b, 2, false, 0);
	blob_scope1(b, 2, 0, 0x1d, 0);
	blob_close(b);
}

static void the_device(struct blob *b)
{
	const uint8_t path[2][2] = { { 0x1c, 0 }, { 0, 0 } };

	blob_scoped(b, 5, false, 0);
	blob_scope(b, 1, 0, 0, path, 2);
	blob_close(b);
}

static void ats_allowed(void)
{
	can_ats();
	set_dmar(all_ports);
}

static void ats_allowed_at_the_port(void)
{
	can_ats();
	set_dmar(the_port);
}

static void ats_allowed_to_the_device(void)
{
	can_ats();
	set_dmar(the_device);
}

static void ats_allowed_elsewhere(void)
{
	can_ats();
	set_dmar(another_port);
}

static void ats_of_the_root_complex(void)
{
	struct config config = nic_config;

	config.ats = 0;
	set_config(NIC, &config);
}

static void ats_forbidden(void)
{
	ats_allowed();
	fake_write(&h, "proc/cmdline", "pci=realloc,noats\n");
}

static void conventional_bridge(void)
{
	struct config config = port_config;

	config.port = PCI_EXP_TYPE_PCI_BRIDGE;
	config.acs = -1;
	add_function("0000:00:1e.0", NULL, 0x060400, NULL, 9);
	set_config("0000:00:1e.0", &config);
	add_function("0000:05:00.0", "pci0000:00/0000:00:1e.0", 0x020000,
		     "e1000", 9);
	config = card_config;
	config.port = -1;
	config.size = 256;
	set_config("0000:05:00.0", &config);
	set_group(9, "DMA\n", MSI);
}

static void no_reset(void)
{
	fake_unlink(&h, "sys/bus/pci/devices/" NIC "/reset_method");
}

static void no_huge_pages(void)
{
	fake_write(&h, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
		   "0\n");
}

static const struct {
	void (*spoil)(void);
	enum audit_rule_id rule; /* AUDIT_RULES: it is in good order still */
	const char *subject;
	const char *detail;
} spoils[] = {
	{ registers_in_order, AUDIT_RULES, NULL, NULL },
	{ unit_off, AUDIT_UNIT_OFF, "dmar0", "" },
	{ unit_without_interrupts, AUDIT_UNIT_INTERRUPTS, "dmar0", "" },
	{ compatibility, AUDIT_COMPATIBILITY, "dmar0", "" },
	{ compatibility_in_x2apic_mode, AUDIT_RULES, NULL, NULL },
	{ protected_memory, AUDIT_PROTECTED_MEMORY, "dmar0", "" },
	{ verified_irte, AUDIT_RULES, NULL, NULL },
	{ unverified_irte, AUDIT_UNVERIFIED_IRTE, "dmar0", "1 of" },
	{ dmar_malformed, AUDIT_DMAR_BAD, "host", "header is cut short" },
	{ device_without_group, AUDIT_NO_GROUP, "0000:00:1d.0", "" },
	{ noiommu_group, AUDIT_NOIOMMU_DEVICE, "0000:00:1d.0", "" },
	{ noiommu_mode, AUDIT_NOIOMMU_MODE, "host", "noiommu_mode is on" },
	{ noiommu_mode_off, AUDIT_RULES, NULL, NULL },
	{ interrupts_not_remapped, AUDIT_INTERRUPTS, "host", "" },
	{ unsafe_type1, AUDIT_UNSAFE_INTERRUPTS, "host", "vfio_iommu_type1" },
	{ unsafe_iommufd, AUDIT_UNSAFE_INTERRUPTS, "host", "iommufd" },
	{ card_masters, AUDIT_BUS_MASTER, CARD, "no driver" },
	{ acs_override, AUDIT_ACS_OVERRIDE, "host", "=downstream" },
	{ group_of_two_owners, AUDIT_GROUP_OWNERS, "group 8",
	  "0000:00:1d.0 xhci_hcd, 0000:00:1d.1 vfio-pci" },
	{ group_of_two, AUDIT_GROUP_SHARED, "group 8", "0000:00:1d.1" },
	{ rmrr_in_ram, AUDIT_RMRR_RAM, "host", "0x20000000-0x200fffff" },
	{ rmrr_in_order, AUDIT_RULES, NULL, NULL },
	{ dmar_odd, AUDIT_DMAR_ODD, "host", "two units are for all" },
	{ pass_through, AUDIT_PASS_THROUGH, "group 2", CARD },
	{ lazy, AUDIT_LAZY, "host", "1 of 4" },
	{ direct, AUDIT_RMRR, "group 2", CARD },
	{ relaxable, AUDIT_RMRR_RELAXED, "group 2", CARD },
	{ ats_on, AUDIT_ATS_ON, CARD, "" },
	{ can_ats, AUDIT_RULES, NULL, NULL },
	{ ats_allowed, AUDIT_ATS_ALLOWED, CARD, "" },
	{ ats_allowed_at_the_port, AUDIT_ATS_ALLOWED, CARD, "" },
	{ ats_allowed_to_the_device, AUDIT_ATS_ALLOWED, CARD, "" },
	{ ats_allowed_elsewhere, AUDIT_RULES, NULL, NULL },
	{ ats_of_the_root_complex, AUDIT_ATS_ALLOWED, NIC, "" },
	{ ats_forbidden, AUDIT_RULES, NULL, NULL },
	{ conventional_bridge, AUDIT_ALIAS, "0000:05:00.0",
	  "behind 0000:00:1e.0" },
	{ no_reset, AUDIT_NO_RESET, NIC, "" },
	{ no_huge_pages, AUDIT_HUGE_PAGES, "host", "" },
};

START_TEST(finds_the_one_thing_out_of_order)
{
	for (size_t i = 0; i < ARRAY_SIZE(spoils); i++) {
		const struct audit_finding *f;
		struct audit audit;

		audit_host_setup();
		spoils[i].spoil();
		if (spoils[i].rule == AUDIT_RULES) {
			expect_clean(NULL);
			audit_host_teardown();
			continue;
		}
		audit = look(NULL);
		f = audit.findings;
		ck_assert_msg(audit.n_findings == 1, "case %zu: %zu findings",
			      i, audit.n_findings);
		ck_assert_msg(f->rule == spoils[i].rule, "case %zu: %s", i,
			      audit_rules[f->rule].name);
		ck_assert_str_eq(f->subject, spoils[i].subject);
		ck_assert_msg(strstr(f->detail, spoils[i].detail), "%s",
			      f->detail);
		ck_assert_uint_eq(audit.n_unknown, 0);
		audit_free(&audit);
		audit_host_teardown();
	}
}
END_TEST

/* Without any IOMMU, the rest is consequences; the first is what counts. */
START_TEST(finds_that_there_is_no_iommu)
{
	struct audit audit;

	audit_host_setup();
	no_units();
	audit = look(NULL);
	ck_assert_uint_gt(audit.n_findings, 0);
	ck_assert_int_eq(audit.findings[0].rule, AUDIT_NO_IOMMU);
	ck_assert_ptr_nonnull(
		strstr(audit.findings[0].detail, "does not use them"));
	audit_free(&audit);
	audit_host_teardown();
}
END_TEST

/* Who is to blame for a group's being large. */
START_TEST(names_what_does_not_isolate)
{
	struct config config = port_config;
	struct audit audit;

	audit_host_setup();
	second_function("e1000e");
	audit = look(CARD);
	ck_assert_uint_eq(audit.n_findings, 2);
	ck_assert_int_eq(audit.findings[0].rule, AUDIT_ACS_MISSING);
	ck_assert_str_eq(audit.findings[0].subject, CARD);
	ck_assert_ptr_nonnull(strstr(audit.findings[0].detail,
				     CARD " has not turned on all its"));
	ck_assert_int_eq(audit.findings[1].rule, AUDIT_GROUP_SHARED);
	audit_free(&audit);
	config.acs = -1;
	set_config(PORT, &config);
	audit = look(CARD);
	ck_assert_ptr_nonnull(
		strstr(audit.findings[0].detail, PORT " has no access"));
	audit_free(&audit);
	audit_host_teardown();
}
END_TEST

/* Of a device, only what concerns it and the host. */
START_TEST(looks_at_one_device)
{
	struct moat_bdf bdf = fake_bdf("0000:42:00.0");
	struct audit audit;

	audit_host_setup();
	card_masters();
	no_reset();
	pass_through();
	audit = look(NIC);
	ck_assert_uint_eq(audit.n_findings, 1);
	ck_assert_int_eq(audit.findings[0].rule, AUDIT_NO_RESET);
	audit_free(&audit);
	audit = look(CARD);
	ck_assert_uint_eq(audit.n_findings, 2);
	ck_assert_int_eq(audit.findings[0].rule, AUDIT_BUS_MASTER);
	ck_assert_int_eq(audit.findings[1].rule, AUDIT_PASS_THROUGH);
	audit_free(&audit);
	ck_assert_int_eq(audit_host(&bdf, &audit), -ENODEV);
	ck_assert_ptr_nonnull(strstr(err.msg, "0000:42:00.0"));
	audit_host_teardown();
}
END_TEST

/* As an ordinary user sees it: the first 64 bytes, and no firmware table. */
START_TEST(says_what_it_cannot_tell)
{
	struct config config = card_config;
	struct audit audit;

	audit_host_setup();
	config.size = 64;
	set_config(CARD, &config);
	audit = look(NULL);
	ck_assert_uint_eq(audit.n_findings, 0);
	ck_assert_uint_eq(audit.n_unknown, 1);
	ck_assert_ptr_nonnull(strstr(audit.unknown[0], "1 of them"));
	audit_free(&audit);
	audit_host_teardown();
}
END_TEST

START_TEST(knows_a_user_who_may_lock_little)
{
	const struct rlimit little = { 65536, 65536 };
	struct audit audit;

	audit_host_setup();
	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(h.root, 0755), 0);
		ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &little), 0);
		ck_assert_int_eq(seteuid(65534), 0);
		audit = look(NULL);
		ck_assert_int_eq(seteuid(0), 0);
		ck_assert_uint_eq(audit.n_findings, 1);
		ck_assert_int_eq(audit.findings[0].rule, AUDIT_MEMLOCK);
		ck_assert_str_eq(audit.findings[0].detail, "at most 64 KiB");
		audit_free(&audit);
	}
	audit_host_teardown();
}
END_TEST

START_TEST(severest_first)
{
	struct audit audit;

	audit_host_setup();
	lazy();
	no_reset();
	card_masters();
	no_huge_pages();
	audit = look(NULL);
	ck_assert_uint_eq(audit.n_findings, 4);
	ck_assert_int_eq(audit.findings[0].rule, AUDIT_BUS_MASTER);
	ck_assert_int_eq(audit.findings[1].rule, AUDIT_NO_RESET);
	ck_assert_int_eq(audit.findings[2].rule, AUDIT_LAZY);
	ck_assert_int_eq(audit.findings[3].rule, AUDIT_HUGE_PAGES);
	audit_free(&audit);
	audit_host_teardown();
}
END_TEST

CHECK_MAIN("audit", finds_nothing_in_good_order,
	   finds_the_one_thing_out_of_order, finds_that_there_is_no_iommu,
	   names_what_does_not_isolate, looks_at_one_device,
	   says_what_it_cannot_tell, knows_a_user_who_may_lock_little,
	   severest_first)
