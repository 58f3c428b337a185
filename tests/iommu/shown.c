// SPDX-License-Identifier: GPL-2.0-or-later
/* What a fake kernel shows, see shown.h. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "common/util.h"
#include "shown.h"

#define PRESENT (UINT64_C(1) << 63)
#define BATCH	1024

const struct moat_bdf dev = { 0, 4, 8, 0 };
uint8_t *const memory = (uint8_t *)(uintptr_t)0x10000000;
struct shown shown;
struct fake fake;
struct moat_ioas *ioas;
struct moat_err err;

void put_pages(const uint8_t *vaddr, uint64_t pa, size_t n)
{
	uint64_t entry[BATCH];
	char path[PATH_MAX];
	size_t some;
	int fd;

	ck_assert_int_eq(moat_path(path, "%s/self/pagemap", fake.procfs), 0);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	for (size_t done = 0; done < n; done += some) {
		some = n - done < BATCH ? n - done : BATCH;
		for (size_t i = 0; i < some; i++)
			entry[i] = PRESENT | (pa / PAGE + done + i);
		ck_assert_int_eq(
			pwrite(fd, entry, some * sizeof(entry[0]),
			       (off_t)(((uintptr_t)vaddr / PAGE + done) * 8)),
			(ssize_t)(some * sizeof(entry[0])));
	}
	(void)close(fd);
}

void shown_setup(void)
{
	struct moat_ioas_config config;
	int fd = -1;

	fake_init(&fake);
	(void)fake_add_device(&fake, NAME, 4, "vfio-pci");
	fake_link(&fake, "../../devices/virtual/iommu/dmar1",
		  "sys/bus/pci/devices/" NAME "/iommu");
	memset(&shown, 0, sizeof(shown));
	config = fake_config(&fake);
	ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
	ck_assert_msg(moat_ioas_attach(ioas, dev, &fd, &err) == 0, "%s",
		      err.msg);
	fake_vfio_ops.close(&fake, fd);
}

void shown_teardown(void)
{
	moat_ioas_detach(ioas, dev);
	moat_ioas_destroy(ioas);
	fake_assert_clean(&fake);
	fake_fini(&fake);
}

void map(uint64_t iova, uint64_t len, uint64_t pa, unsigned int prot)
{
	uint8_t *vaddr = memory + iova;

	put_pages(vaddr, pa, (size_t)(len / PAGE));
	ck_assert_msg(moat_ioas_map(ioas, iova, len, vaddr, prot, &err) == 0,
		      "%s", err.msg);
}

void show_text(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(shown.leaves + shown.len, TEXT - shown.len, fmt, ap);
	va_end(ap);
	ck_assert(n > 0 && (size_t)n < TEXT - shown.len);
	shown.len += (size_t)n;
}

/* One page, the path to it by the layout's habit of leaving zeros out. */
void show_leaf(uint64_t iova, uint64_t addr, uint64_t size, uint64_t bits)
{
	const uint64_t table = shown.first_stage ? 7 : 3;
	const uint64_t leaf = addr | bits | (size > PAGE ? 0x80 : 0);
	const uint64_t path[] = {
		0,
		0x20000000 | table,
		size == GiB ? leaf : (0x20001000 | table),
		size == GiB ? 0 : (size == 2 * MiB ? leaf : 0x20002000 | table),
		size == PAGE ? leaf : 0,
	};

	show_text("0x%013" PRIx64 " |\t0x%016" PRIx64 "\t0x%016" PRIx64
		  "\t0x%016" PRIx64,
		  iova / PAGE, path[0], path[1], path[2]);
	for (unsigned int i = 3; i < 5; i++)
		if (path[i] || !shown.per_device)
			show_text("\t0x%016" PRIx64, path[i]);
	show_text("\n");
}

void show_range(uint64_t iova, uint64_t len, uint64_t pa, uint64_t size)
{
	for (uint64_t done = 0; done < len; done += size)
		show_leaf(iova + done, pa + done, size,
			  shown.first_stage ? 7 : 3);
}

static const char heading[] = "B.D.F\tRoot_entry\t\t\t\tContext_"
			      "entry\t\t\t\tPASID\tPASID_table_entry\n";

void write_source(void)
{
	char text[4096];
	int n;

	n = snprintf(text, sizeof(text),
		     "IOMMU dmar0: Root Table Address: 0x1000\n%s"
		     "04:08.0\t0x0:0x2001\t0x402:0xdead001\t-1    \t"
		     "0x0:0x0:0x0\n\n"
		     "IOMMU dmar1: Root Table Address: 0x2000\n%s"
		     "04:07.0\t0x0:0x2001\t0x402:0xdead001\t-1    \t"
		     "0x0:0x0:0x0\n",
		     heading, heading);
	if (shown.source[0])
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s",
			      shown.source);
	else if (!shown.scalable)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "04:08.0\t0x0000000000000000:0x0000000000002001\t"
			      "0x0000000000000702:0x%016" PRIx64 "\t-1    \t"
			      "0x0000000000000000:0x0000000000000000:"
			      "0x0000000000000000\n",
			      ROOT | 1);
	else
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "04:08.0\t0x0:0x2001\t0x0:0x3001\t0     \t"
			      "0x%016" PRIx64 ":0x7:0x%016" PRIx64 "\n",
			      shown.first_stage ? ROOT : 0,
			      shown.first_stage ? UINT64_C(0x49) : ROOT | 0x89);
	ck_assert_int_lt(n, (int)sizeof(text));
	fake_write(&fake, INTEL "dmar_translation_struct", text);
}

void write_leaves(void)
{
	static char text[TEXT + 4096];

	(void)snprintf(text, sizeof(text),
		       "Device 0000:00:02.0 @0x99999000\n"
		       "IOVA_PFN\t\tPML5E\t\t\tPML4E\n"
		       "0x0000000000777 |\t0x0\t0x3\t0x3\t0x3\t0x3\n\n"
		       "Device " NAME " %s@0x%" PRIx64 "\n"
		       "IOVA_PFN         \tPML5E\n%s",
		       shown.scalable ? "with pasid 0 " : "", ROOT,
		       shown.leaves);
	fake_write(&fake,
		   shown.per_device ? INTEL NAME "/domain_translation_struct"
				    : INTEL "domain_translation_struct",
		   text);
}
