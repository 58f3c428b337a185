// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Live translation tables out of debugfs, see live.h. What the kernel prints
 * is text for people: each line is taken apart strictly, and what is not
 * understood is an error, never taken for nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <moat/ioas.h>

#include "common/io.h"
#include "common/parse.h"
#include "common/util.h"
#include "iommu/vtd/caps.h"
#include "iommu/vtd/live.h"
#include "iommu/vtd/table_regs.h"

#define DEBUGFS	   "%s/kernel/debug/iommu/intel"
#define LINE_ROOM  256
#define LEVELS	   5u

#define PGTT_FIRST UINT64_C(1)

/* First-stage paging entries, VT-d rev 5.10 section 9.7. */
#define FS_P  (UINT64_C(1) << 0)
#define FS_RW (UINT64_C(1) << 1)
#define FS_US (UINT64_C(1) << 2)

/* ---- words ---- */

/* The next word of @*line, cut up in place; NULL: there is none. */
static char *word(char **line, const char *blanks)
{
	char *w = *line + strspn(*line, blanks);

	if (!*w)
		return NULL;
	*line = w + strcspn(w, blanks);
	if (**line)
		*(*line)++ = '\0';
	return w;
}

static int hex(const char *text, uint64_t *ret_value)
{
	if (!text || strncmp(text, "0x", 2) != 0)
		return -EINVAL;
	return moat_parse_u64(text, 16, ret_value);
}

/* "0x1:0x2" and the like: @n numbers, the most significant first. */
static int numbers(char *text, uint64_t *ret, unsigned int n)
{
	for (unsigned int i = n; i-- > 0;)
		if (!text || hex(word(&text, ":"), &ret[i]) < 0)
			return -EINVAL;
	return *text ? -EINVAL : 0;
}

/* A copy to be cut up: -EINVAL when it is longer than any line known. */
static int copy(const char *line, char buf[LINE_ROOM])
{
	const size_t len = strlen(line);

	if (len >= LINE_ROOM)
		return -EINVAL;
	memcpy(buf, line, len + 1);
	return 0;
}

static bool starts_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* ---- the source ---- */

/* "05:00.0": a line's function, of the unit's segment. */
static bool is_bdf(const char *text, struct moat_bdf bdf)
{
	char name[MOAT_BDF_STRLEN];
	const char *want = moat_bdf_str(bdf, name);

	return strcmp(text, strchr(want, ':') + 1) == 0;
}

static int pasid_of(const char *text, int64_t *ret_pasid)
{
	uint64_t value;

	if (!text)
		return -EINVAL;
	if (strcmp(text, "-1") == 0) {
		*ret_pasid = -1;
		return 0;
	}
	if (moat_parse_u64(text, 10, &value) < 0 || value > INT32_MAX)
		return -EINVAL;
	*ret_pasid = (int64_t)value;
	return 0;
}

/* B.D.F, root entry, context entry, PASID, PASID entry. */
static int entry_line(struct live_source_parser *parser, char *line)
{
	struct live_source_parser found = *parser;
	char *bdf = word(&line, " \t\n");
	uint64_t root[2];

	if (!bdf || !is_bdf(bdf, parser->bdf))
		return 0; /* a heading, a blank, another function */
	if (numbers(word(&line, " \t\n"), root, 2) < 0 ||
	    numbers(word(&line, " \t\n"), found.context, 2) < 0 ||
	    pasid_of(word(&line, " \t\n"), &found.pasid) < 0 ||
	    numbers(word(&line, " \t\n"), found.pasid_entry, 3) < 0 ||
	    word(&line, " \t\n"))
		return -EINVAL;
	found.n_entries++;
	*parser = found;
	return 0;
}

/* Is @text the unit's name, with @end behind it? */
static bool is_unit(const struct live_source_parser *parser, const char *text,
		    char end)
{
	const size_t len = strlen(parser->unit);

	return strncmp(text, parser->unit, len) == 0 &&
	       (text[len] == end || text[len] == '\0');
}

int live_source_line(struct live_source_parser *parser, const char *line)
{
	static const char heading[] = "IOMMU ";
	static const char off[] = "DMA Remapping is not enabled on ";
	char buf[LINE_ROOM];

	if (starts_with(line, heading)) {
		parser->in_unit = is_unit(parser, line + strlen(heading), ':');
		return 0;
	}
	if (starts_with(line, off)) {
		if (is_unit(parser, line + strlen(off), '\n'))
			parser->disabled = true;
		return 0;
	}
	if (!parser->in_unit)
		return 0;
	if (copy(line, buf) < 0)
		return -EINVAL;
	return entry_line(parser, buf);
}

static int decode_legacy(const struct live_source_parser *parser,
			 struct live_source *source, struct moat_err *err)
{
	switch (parser->context[0] >> VTD_CONTEXT_TT_SHIFT & 3) {
	case VTD_TT_TRANSLATE:
		break;
	case VTD_TT_DEVICE_TLB:
		return moat_fail(err, -EBADMSG,
				 "the device may send addresses that it says "
				 "it has translated itself (ATS), past the "
				 "tables; boot the host with pci=noats");
	case VTD_TT_PASS:
		return moat_fail(err, -EBADMSG,
				 "its requests pass the IOMMU untranslated");
	default:
		return moat_fail(err, -EBADMSG,
				 "its context entry is of a type that does not "
				 "exist");
	}
	source->root = parser->context[0] & VTD_ADDR_MASK;
	source->levels = VTD_LEVELS_OF_AW(
		(unsigned int)(parser->context[1] & VTD_CONTEXT_AW_MASK));
	source->stage = LIVE_SECOND_STAGE;
	return 0;
}

static int decode_scalable(const struct live_source_parser *parser,
			   struct live_source *source, struct moat_err *err)
{
	const uint64_t *entry = parser->pasid_entry;

	if (parser->context[0] & VTD_SM_CONTEXT_DTE)
		return moat_fail(err, -EBADMSG,
				 "the device may send addresses that it says "
				 "it has translated itself (ATS), past the "
				 "tables; boot the host with pci=noats");
	switch (entry[0] >> VTD_PASID_PGTT_SHIFT & 7) {
	case PGTT_FIRST:
		source->root = entry[2] & VTD_ADDR_MASK;
		source->levels = 4 + (entry[2] >> 2 & 3 ? 1 : 0);
		source->stage = LIVE_FIRST_STAGE;
		return 0;
	case VTD_PGTT_SECOND:
		source->root = entry[0] & VTD_ADDR_MASK;
		source->levels = VTD_LEVELS_OF_AW(
			(unsigned int)(entry[0] >> VTD_PASID_AW_SHIFT & 7));
		source->stage = LIVE_SECOND_STAGE;
		return 0;
	case VTD_PGTT_PASS:
		return moat_fail(err, -EBADMSG,
				 "its requests pass the IOMMU untranslated");
	default:
		return moat_fail(err, -EBADMSG,
				 "its PASID entry is of a type that is not "
				 "understood");
	}
}

int live_source_decode(const struct live_source_parser *parser,
		       struct live_source *ret_source, struct moat_err *err)
{
	struct live_source source;
	int r;

	if (parser->disabled)
		return moat_fail(err, -EBADMSG,
				 "its remapping unit, %s, does not translate",
				 parser->unit);
	if (parser->n_entries == 0)
		return moat_fail(err, -EBADMSG,
				 "%s has no entry for it: nothing is mapped",
				 parser->unit);
	if (parser->n_entries > 1 || parser->pasid > 0)
		return moat_fail(err, -EBADMSG,
				 "it has other tables, for requests with a "
				 "PASID");
	r = parser->pasid < 0 ? decode_legacy(parser, &source, err)
			      : decode_scalable(parser, &source, err);
	if (r < 0)
		return r;
	if (source.levels < 3 || source.levels > LEVELS)
		return moat_fail(err, -EBADMSG, "its tables have %u levels",
				 source.levels);
	*ret_source = source;
	return 0;
}

/* ---- leaves ---- */

bool live_root_line(const char *line, uint64_t *ret_root)
{
	char buf[LINE_ROOM];
	char *rest = buf, *w, *last = NULL;

	if (copy(line, buf) < 0 || !starts_with(line, "Device "))
		return false;
	while ((w = word(&rest, " \t\n")))
		last = w;
	return last[0] == '@' && hex(last + 1, ret_root) == 0;
}

/* What a path of entries allows, from the first table to the page. */
static unsigned int prot_of(const uint64_t path[LEVELS], unsigned int n,
			    enum live_stage stage)
{
	uint64_t all = UINT64_MAX;

	for (unsigned int i = 0; i < n; i++)
		if (path[i])
			all &= path[i];
	if (stage == LIVE_FIRST_STAGE) {
		if (!(all & FS_P) || !(all & FS_US))
			return 0;
		return MOAT_DMA_READ | (all & FS_RW ? MOAT_DMA_WRITE : 0);
	}
	return (all & VTD_SS_R ? MOAT_DMA_READ : 0) |
	       (all & VTD_SS_W ? MOAT_DMA_WRITE : 0);
}

/* The entries of a line, level 5 first; those at its end may be left out. */
static int read_path(char *line, uint64_t path[LEVELS])
{
	memset(path, 0, LEVELS * sizeof(path[0]));
	for (unsigned int i = 0; i < LEVELS; i++) {
		char *w = word(&line, " \t\n");

		if (!w)
			return i > 0 ? 0 : -EINVAL;
		if (hex(w, &path[i]) < 0)
			return -EINVAL;
	}
	return word(&line, " \t\n") ? -EINVAL : 0;
}

static int leaf_of(uint64_t pfn, const uint64_t path[LEVELS],
		   enum live_stage stage, struct live_leaf *ret_leaf)
{
	unsigned int n = LEVELS, level;

	while (n > 0 && !path[n - 1])
		n--;
	level = LEVELS - n + 1;
	/* Pages are of the last three levels; the upper two say so. */
	if (n == 0 || level > 3 || (level > 1 && !(path[n - 1] & VTD_SS_PS)))
		return -EINVAL;
	if (pfn >> (64 - VTD_PAGE_SHIFT))
		return -EINVAL;
	ret_leaf->iova = pfn << VTD_PAGE_SHIFT;
	ret_leaf->size = UINT64_C(1)
			 << (VTD_PAGE_SHIFT + VTD_INDEX_BITS * (level - 1));
	ret_leaf->addr = path[n - 1] & VTD_SS_ADDR & ~(ret_leaf->size - 1);
	ret_leaf->prot = prot_of(path, n, stage);
	if (ret_leaf->iova & (ret_leaf->size - 1))
		return -EINVAL;
	return 1;
}

/* "0x0000000fee00 |\t0x...\t0x...": IOVA_PFN and the path to the page. */
int live_leaf_line(const char *line, enum live_stage stage,
		   struct live_leaf *ret_leaf)
{
	uint64_t path[LEVELS], pfn;
	char buf[LINE_ROOM];
	char *rest = buf, *w;

	if (copy(line, buf) < 0)
		return -EINVAL;
	w = word(&rest, " \t\n");
	/* A heading, another unit's "DMA Remapping is not enabled ...", ... */
	if (!w || !starts_with(w, "0x"))
		return 0;
	if (hex(w, &pfn) < 0)
		return -EINVAL;
	w = word(&rest, " \t\n");
	if (!w || strcmp(w, "|") != 0 || read_path(rest, path) < 0)
		return -EINVAL;
	return leaf_of(pfn, path, stage, ret_leaf);
}

/* ---- the files ---- */

static int no_debugfs(const char *path, int r, struct moat_err *err)
{
	if (r == -EACCES || r == -EPERM)
		return moat_fail(
			err, r, "%s: %s; only root may read the IOMMU's tables",
			path, strerror(-r));
	return moat_fail(
		err, -ENOENT,
		"%s: %s; to read the IOMMU's tables back the kernel "
		"needs CONFIG_IOMMU_DEBUGFS and "
		"CONFIG_INTEL_IOMMU_DEBUGFS, and debugfs to be mounted "
		"at /sys/kernel/debug",
		path, strerror(-r));
}

/* Calls @each with every line; what is longer than a line is an error. */
static int read_lines(const char *path,
		      int (*each)(void *opaque, const char *line,
				  struct moat_err *err),
		      void *opaque, struct moat_err *err)
{
	char line[LINE_ROOM];
	FILE *file;
	int r = 0;

	file = fopen(path, "re");
	if (!file)
		return no_debugfs(path, -errno, err);
	while (r == 0 && fgets(line, sizeof(line), file)) {
		if (!strchr(line, '\n') && !feof(file))
			r = moat_fail(err, -EINVAL, "%s: a line is too long",
				      path);
		else
			r = each(opaque, line, err);
	}
	if (r == 0 && ferror(file))
		r = moat_fail(err, -EIO, "reading %s failed", path);
	(void)fclose(file);
	return r;
}

/* The unit in front of a device, as sysfs names it: "dmar0". */
static int unit_of(const struct moat_host *host, struct moat_bdf bdf, char *buf,
		   size_t size, struct moat_err *err)
{
	char path[PATH_MAX], name[MOAT_BDF_STRLEN];
	int r;

	r = moat_path(path, "%s/bus/pci/devices/%s/iommu", host->sysfs,
		      moat_bdf_str(bdf, name));
	if (r == 0)
		r = moat_link_name(path, buf, size);
	if (r < 0 || !starts_with(buf, "dmar"))
		return moat_fail(err, -ENOTSUP,
				 "no VT-d unit is in front of it; only VT-d's "
				 "tables can be read back");
	return 0;
}

static int source_each(void *opaque, const char *line, struct moat_err *err)
{
	return live_source_line(opaque, line) < 0
		       ? moat_fail(err, -EINVAL,
				   "'%.*s' is no entry of the IOMMU's tables",
				   (int)strcspn(line, "\n"), line)
		       : 0;
}

int live_source_read(const struct moat_host *host, struct moat_bdf bdf,
		     struct live_source *ret_source, struct moat_err *err)
{
	struct live_source_parser parser = { .bdf = bdf };
	char path[PATH_MAX];
	int r;

	r = unit_of(host, bdf, parser.unit, sizeof(parser.unit), err);
	if (r < 0)
		return r;
	r = moat_path(path, DEBUGFS "/dmar_translation_struct", host->sysfs);
	if (r < 0)
		return moat_fail(err, r, "%s is too long a path", host->sysfs);
	r = read_lines(path, source_each, &parser, err);
	if (r < 0)
		return r;
	return live_source_decode(&parser, ret_source, err);
}

uint64_t live_largest_page(const struct moat_host *host, struct moat_bdf bdf)
{
	char path[PATH_MAX], name[MOAT_BDF_STRLEN], text[32];
	struct vtd_caps caps = { 0 };
	uint64_t sizes;

	if (moat_path(path, "%s/bus/pci/devices/%s/iommu/intel-iommu/cap",
		      host->sysfs, moat_bdf_str(bdf, name)) < 0 ||
	    moat_read_text(path, text, sizeof(text)) < 0 ||
	    moat_parse_u64(text, 16, &caps.cap) < 0)
		return GiB;
	sizes = vtd_page_sizes(&caps);
	if (sizes & GiB)
		return GiB;
	return sizes & 2 * MiB ? 2 * MiB : 4 * KiB;
}

struct leaves {
	const struct live_source *source;
	bool inside, seen; /* the lines are of those tables; or were */
	int (*each)(void *opaque, const struct live_leaf *leaf,
		    struct moat_err *err);
	void *opaque;
};

/* A domain that several devices share may be there several times. */
static int leaves_each(void *opaque, const char *line, struct moat_err *err)
{
	struct leaves *leaves = opaque;
	struct live_leaf leaf;
	uint64_t root;
	int r;

	if (live_root_line(line, &root)) {
		leaves->inside = !leaves->seen && root == leaves->source->root;
		leaves->seen |= leaves->inside;
		return 0;
	}
	if (!leaves->inside)
		return 0;
	r = live_leaf_line(line, leaves->source->stage, &leaf);
	if (r < 0)
		return moat_fail(err, -EINVAL,
				 "'%.*s' is no page of the IOMMU's tables",
				 (int)strcspn(line, "\n"), line);
	return r ? leaves->each(leaves->opaque, &leaf, err) : 0;
}

/* The device's own file; else the one for all. */
static int leaves_path(const struct moat_host *host, struct moat_bdf bdf,
		       char path[PATH_MAX])
{
	char name[MOAT_BDF_STRLEN];
	int r;

	r = moat_path(path, DEBUGFS "/%s/domain_translation_struct",
		      host->sysfs, moat_bdf_str(bdf, name));
	if (r == 0 && access(path, F_OK) < 0)
		r = moat_path(path, DEBUGFS "/domain_translation_struct",
			      host->sysfs);
	return r;
}

int live_leaves_read(const struct moat_host *host, struct moat_bdf bdf,
		     const struct live_source *source,
		     int (*each)(void *opaque, const struct live_leaf *leaf,
				 struct moat_err *err),
		     void *opaque, struct moat_err *err)
{
	struct leaves leaves = {
		.source = source,
		.each = each,
		.opaque = opaque,
	};
	char path[PATH_MAX];
	int r;

	r = leaves_path(host, bdf, path);
	if (r < 0)
		return moat_fail(err, r, "%s is too long a path", host->sysfs);
	r = read_lines(path, leaves_each, &leaves, err);
	if (r == 0 && !leaves.seen)
		r = moat_fail(err, -EINVAL,
			      "%s does not show the tables at 0x%" PRIx64
			      " that the device has",
			      path, source->root);
	return r;
}
