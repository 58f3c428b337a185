// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The audit's page, of a host made of files: all of the host is in it once,
 * and what the host calls itself is text, never markup.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "tests/check_main.h"
#include "tests/vmm-glue/audit_host.h"
#include "vmm-glue/audit_page.h"
#include "vmm-glue/html.h"

/* To be freed. */
static char *page_of(const char *name, const char *only)
{
	struct audit_facts facts;
	struct audit audit;
	struct audit_page page = {
		.audit = &audit,
		.facts = &facts,
		.host = name,
		.only = only,
		.kernel = "6.1",
		.when = "today",
		.version = "1",
	};
	struct moat_bdf bdf;
	char *text = NULL;
	size_t len;
	FILE *out;

	ck_assert_msg(audit_facts_read(&h.host, &facts, &err) == 0, "%s",
		      err.msg);
	if (only)
		bdf = fake_bdf(only);
	ck_assert_int_eq(audit_judge(&facts, only ? &bdf : NULL, &audit, &err),
			 0);
	out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	audit_page_print(&page, out);
	ck_assert_int_eq(fclose(out), 0);
	audit_free(&audit);
	audit_facts_free(&facts);
	return text;
}

static unsigned int times(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static void behind(const char *addr, const char *unit)
{
	char link[128], to[128];

	(void)snprintf(link, sizeof(link), "sys/bus/pci/devices/%s/iommu",
		       addr);
	(void)snprintf(to, sizeof(to), "../../virtual/iommu/%s", unit);
	fake_link(&h, link, to);
}

/* Each element that is opened is closed, in its turn. */
static void expect_nested(const char *page)
{
	static const char *const empty[] = { "meta", "rect", "circle",
					     "!DOCTYPE" };
	char open[64][16];
	size_t n = 0;

	while ((page = strchr(page, '<'))) {
		const bool ends = page[1] == '/';
		const size_t len = strcspn(page + 1 + ends, " >/");
		bool leaf = false;
		char tag[16];

		ck_assert_uint_lt(len, sizeof(tag));
		memcpy(tag, page + 1 + ends, len);
		tag[len] = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
			leaf |= strcmp(tag, empty[i]) == 0;
		if (ends) {
			ck_assert_uint_gt(n, 0);
			ck_assert_str_eq(open[--n], tag);
		} else if (!leaf) {
			ck_assert_uint_lt(n, ARRAY_SIZE(open));
			strcpy(open[n++], tag);
		}
		page = strchr(page, '>');
		ck_assert_ptr_nonnull(page);
	}
	ck_assert_uint_eq(n, 0);
}

START_TEST(has_the_whole_host_once)
{
	char *page;

	audit_host_setup();
	behind(CARD, "dmar0");
	page = page_of("tower", NULL);
	expect_nested(page);
	ck_assert_uint_eq(times(page, "<h1>DMA isolation of tower</h1>"), 1);
	ck_assert_uint_eq(times(page, "nothing found: DMA isolation"), 1);
	ck_assert_uint_eq(times(page, ">dmar0</text>"), 1);
	ck_assert_uint_eq(times(page, ">behind no remapping unit</text>"), 1);
	for (int group = 0; group < 4; group++) {
		char text[32];

		(void)snprintf(text, sizeof(text), ">group %d</text>", group);
		ck_assert_uint_eq(times(page, text), 1);
	}
	ck_assert_uint_eq(times(page, ">" CARD "</text>"), 1);
	ck_assert_uint_eq(times(page, "<td>" CARD "</td>"), 1);
	/* Its registers and what they say, by name. */
	ck_assert_uint_eq(times(page, "0xfed90000"), 3);
	ck_assert_uint_eq(times(page, "<th>SAGAW</th>"), 1);
	ck_assert_uint_eq(times(page, "<th>snoop control</th><td>yes"), 1);
	free(page);
	audit_host_teardown();
}
END_TEST

static void domain_and_region(struct blob *b)
{
	blob_rmrr(b, 0, 0x40000000, 0x400fffff);
	blob_scope1(b, 1, 0, 0x19, 0);
	blob_close(b);
	blob_rhsa(b, 0xfed90000, 5);
}

START_TEST(says_what_firmware_says)
{
	char *page;

	audit_host_setup();
	set_dmar(domain_and_region);
	page = page_of("tower", NULL);
	expect_nested(page);
	ck_assert_uint_eq(times(page,
				"0x40000000-0x400fffff</td>"
				"<td class=\"mono\"><span>" NIC "</span></td>"),
			  1);
	ck_assert_uint_eq(times(page, "0xfed90000 is of 5"), 1);
	ck_assert_uint_eq(times(page, "proximity domain</th><td>5</td>"), 1);
	free(page);
	audit_host_teardown();
}
END_TEST

START_TEST(marks_lead_to_findings)
{
	char *page;

	audit_host_setup();
	set_group(2, "identity\n", MSI);
	fake_write(&h, "proc/interrupts", " 24: 0 0  PCI-MSI 4-edge\n");
	page = page_of("tower", NULL);
	expect_nested(page);
	ck_assert_uint_eq(times(page, "<a href=\"#pass-through\">"), 1);
	ck_assert_uint_eq(times(page, "id=\"pass-through\""), 1);
	ck_assert_uint_eq(times(page, "id=\"interrupts-not-remapped\""), 1);
	ck_assert_uint_eq(times(page, ">1 high</span>"), 1);
	ck_assert_uint_eq(times(page, ">1 medium</span>"), 1);
	ck_assert_uint_eq(times(page, "nothing found"), 0);
	free(page);
	audit_host_teardown();
}
END_TEST

START_TEST(says_that_it_is_of_one_device)
{
	char *page;

	audit_host_setup();
	set_group(2, "identity\n", MSI);
	page = page_of("tower", NIC);
	expect_nested(page);
	ck_assert_uint_eq(times(page, "concerns <b>" NIC "</b>"), 1);
	ck_assert_uint_eq(times(page, "pass-through\""), 0);
	ck_assert_uint_eq(times(page, ">" CARD "</text>"), 1);
	free(page);
	audit_host_teardown();
}
END_TEST

START_TEST(takes_no_name_for_markup)
{
	char *page;

	audit_host_setup();
	add_function("0000:00:1d.0", NULL, 0x0c0320, "<i onload=x>&\"\x1b[1m",
		     7);
	set_config("0000:00:1d.0", &card_config);
	set_group(7, "DMA\n", MSI);
	page = page_of("</title><script>alert(1)</script>", NULL);
	expect_nested(page);
	ck_assert_ptr_null(strstr(page, "<script"));
	ck_assert_ptr_null(strstr(page, "<i "));
	ck_assert_ptr_null(strchr(page, '\x1b'));
	ck_assert_ptr_nonnull(
		strstr(page, "&lt;i onload=x&gt;&amp;&quot;?[1m"));
	ck_assert_ptr_nonnull(strstr(page, "&lt;script&gt;"));
	free(page);
	audit_host_teardown();
}
END_TEST

START_TEST(clips_between_characters)
{
	static const struct {
		const char *text;
		size_t max;
		const char *want;
	} cases[] = {
		{ "short", 5, "short" },
		{ "longer", 5, "lo..." },
		{ "a<b", 3, "a&lt;b" },
		{ "\xc3\xa4\xc3\xb6\xc3\xbc", 6, "\xc3\xa4\xc3\xb6\xc3\xbc" },
		{ "\xc3\xa4\xc3\xb6\xc3\xbcx", 6, "\xc3\xa4..." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		ck_assert_ptr_nonnull(out);
		html_clipped(out, cases[i].text, cases[i].max);
		ck_assert_int_eq(fclose(out), 0);
		ck_assert_str_eq(text, cases[i].want);
		free(text);
	}
}
END_TEST

CHECK_MAIN("audit page", has_the_whole_host_once, says_what_firmware_says,
	   marks_lead_to_findings, says_that_it_is_of_one_device,
	   takes_no_name_for_markup, clips_between_characters)
