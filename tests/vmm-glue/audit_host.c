// SPDX-License-Identifier: GPL-2.0-or-later
/* The host that audits look at, see audit_host.h; one at a time. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "common/util.h"
#include "tests/vmm-glue/audit_host.h"
#include "vmm-glue/audit_facts.h"

#define CONFIG_SIZE 4096
#define EXP_AT	    0x40
#define ACS_AT	    0x100
#define ATS_AT	    0x140

struct fake_host h;
struct moat_err err;

void write_binary(const char *path, const void *data, size_t len)
{
	char full[PATH_MAX];
	int fd;

	fake_write(&h, path, "");
	ck_assert_int_eq(moat_path(full, "%s/%s", h.root, path), 0);
	fd = open(full, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	(void)close(fd);
}

static void put16(uint8_t *config, unsigned int at, uint16_t value)
{
	config[at] = (uint8_t)value;
	config[at + 1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *config, unsigned int at, uint32_t value)
{
	put16(config, at, (uint16_t)value);
	put16(config, at + 2, (uint16_t)(value >> 16));
}

void set_config(const char *addr, const struct config *c)
{
	uint8_t config[CONFIG_SIZE] = { 0 };
	unsigned int last = 0;
	char path[PATH_MAX];

	put16(config, PCI_COMMAND, c->command);
	config[PCI_HEADER_TYPE] = c->header_type;
	if (c->bus) {
		config[PCI_SECONDARY_BUS] = c->bus;
		config[PCI_SUBORDINATE_BUS] = c->bus;
	}
	if (c->port >= 0) {
		put16(config, PCI_STATUS, PCI_STATUS_CAP_LIST);
		config[PCI_CAPABILITY_LIST] = EXP_AT;
		config[EXP_AT] = PCI_CAP_ID_EXP;
		put16(config, EXP_AT + PCI_EXP_FLAGS,
		      (uint16_t)(2 | c->port << 4));
		put32(config, ACS_AT, 1 << 16); /* an empty head of the list */
		last = ACS_AT;
	}
	if (c->acs >= 0) {
		put32(config, ACS_AT, PCI_EXT_CAP_ID_ACS | 1 << 16);
		put16(config, ACS_AT + PCI_ACS_CAP, ACS_ALL);
		put16(config, ACS_AT + PCI_ACS_CTRL, (uint16_t)c->acs);
	}
	if (c->ats >= 0) {
		put32(config, last,
		      (uint32_t)(config[last] | config[last + 1] << 8) |
			      1 << 16 | (uint32_t)ATS_AT << 20);
		put32(config, ATS_AT, PCI_EXT_CAP_ID_ATS | 1 << 16);
		put16(config, ATS_AT + PCI_ATS_CTRL, (uint16_t)c->ats);
	}
	(void)snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/config",
		       addr);
	write_binary(path, config, c->size ? c->size : CONFIG_SIZE);
}

const struct config port_config = {
	.header_type = PCI_HEADER_TYPE_BRIDGE,
	.command = PCI_COMMAND_MASTER,
	.port = PCI_EXP_TYPE_ROOT_PORT,
	.acs = ACS_ALL,
	.ats = -1,
	.bus = 1,
};
const struct config card_config = {
	.port = PCI_EXP_TYPE_ENDPOINT,
	.acs = -1,
	.ats = -1,
};
const struct config nic_config = {
	.command = PCI_COMMAND_MASTER,
	.port = PCI_EXP_TYPE_RC_END,
	.acs = -1,
	.ats = -1,
};

void set_dmar(void (*more)(struct blob *b))
{
	struct blob b;

	blob_begin(&b, 46, 1);
	blob_drhd(&b, true, 0, 0xfed90000);
	blob_close(&b);
	if (more)
		more(&b);
	write_binary("sys/firmware/acpi/tables/DMAR", b.data, b.len);
}

void set_group(int id, const char *type, const char *regions)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/type",
		       id);
	fake_write(&h, path, type);
	(void)snprintf(path, sizeof(path),
		       "sys/kernel/iommu_groups/%d/reserved_regions", id);
	fake_write(&h, path, regions);
}

void add_function(const char *addr, const char *parent, unsigned int class_code,
		  const char *driver, int group)
{
	const struct fake_fn fn = {
		.addr = addr,
		.parent = parent,
		.vendor = 0x8086,
		.device = 0x1234,
		.class_code = class_code,
		.driver = driver,
		.group = group,
		.reset_method = class_code >> 16 == 6 ? NULL : "flr",
		.numa_node = -1,
	};

	fake_add_fn(&h, &fn);
}

void audit_host_setup(void)
{
	fake_host_init(&h);
	fake_self(&h, 1);
	add_function("0000:00:00.0", NULL, 0x060000, NULL, 0);
	add_function(PORT, NULL, 0x060400, "pcieport", 1);
	add_function(CARD, "pci0000:00/" PORT, 0x020000, NULL, 2);
	add_function(NIC, NULL, 0x020000, "e1000e", 3);
	set_config(PORT, &port_config);
	set_config(CARD, &card_config);
	set_config(NIC, &nic_config);
	for (int group = 0; group < 4; group++)
		set_group(group, "DMA\n", MSI);
	fake_write(&h, "sys/class/iommu/dmar0/intel-iommu/cap",
		   "8d2078c106f0466\n");
	fake_write(&h, "sys/class/iommu/dmar0/intel-iommu/ecap", "f020df\n");
	fake_write(&h, "sys/class/iommu/dmar0/intel-iommu/address",
		   "fed90000\n");
	fake_write(&h, "proc/interrupts", " 24: 0 0  IR-PCI-MSI 4-edge\n");
	fake_write(&h, "proc/cmdline", "quiet intel_iommu=on\n");
	fake_write(&h, "proc/iomem",
		   "00000000-00000fff : Reserved\n"
		   "00001000-3fffffff : System RAM\n"
		   "40000000-4fffffff : Reserved\n");
	fake_write(&h, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
		   "100\n");
	fake_write(&h,
		   "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
		   "100\n");
	fake_write(&h,
		   "sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages",
		   "0\n");
	set_dmar(NULL);
}

void audit_host_teardown(void)
{
	fake_host_fini(&h);
}

int audit_host(const struct moat_bdf *bdf, struct audit *ret_audit)
{
	struct audit_facts facts;
	int r;

	r = audit_facts_read(&h.host, &facts, &err);
	if (r < 0)
		return r;
	r = audit_judge(&facts, bdf, ret_audit, &err);
	audit_facts_free(&facts);
	return r;
}

struct audit look(const char *addr)
{
	struct moat_bdf bdf;
	struct audit audit;

	if (addr)
		bdf = fake_bdf(addr);
	ck_assert_msg(audit_host(addr ? &bdf : NULL, &audit) == 0, "%s",
		      err.msg);
	return audit;
}
