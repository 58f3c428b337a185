// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host's IOMMU posture, see posture.h. Reads only, and keeps nothing open.
 * Sources: Linux Documentation/ABI/testing/sysfs-class-iommu-intel-iommu,
 * sysfs-kernel-iommu_groups; drivers/iommu/intel/debugfs.c.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/parse.h"
#include "common/util.h"
#include "iommu/group.h"
#include "iommu/posture.h"
#include "iommu/vtd/table_regs.h"
#include "iommu/vtd/unit_regs.h"

#define DMAR_MAX  (1 << 20)
#define TEXT_MAX  (64 * 1024 + 1)
#define LINE_ROOM 512
#define PMEN_PRS  1u

/* ---- lists ---- */

/* @array with room for one more, moved if need be; NULL: out of memory. */
static void *room_for_one(void *array, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0) /* 0 or a power of two: full */
		return array;
	return reallocarray(array, n ? n * 2 : 1, size);
}

/* Calls @each with every name in a directory; one that is not is empty. */
static int each_name(const char *path,
		     int (*each)(void *opaque, const char *name), void *opaque)
{
	const struct dirent *entry;
	int r = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return 0;
	while (r == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = each(opaque, entry->d_name);
	(void)closedir(dir);
	return r;
}

struct walk {
	const struct moat_host *host;
	struct posture *posture;
};

/* ---- units ---- */

static int unit_number(const struct walk *walk, const char *name,
		       const char *attr, uint64_t *ret_value)
{
	char path[PATH_MAX], text[32];
	int r;

	r = moat_path(path, "%s/class/iommu/%s/intel-iommu/%s",
		      walk->host->sysfs, name, attr);
	if (r == 0)
		r = moat_read_text(path, text, sizeof(text));
	return r < 0 ? r : moat_parse_u64(text, 16, ret_value);
}

static int add_unit(void *opaque, const char *name)
{
	const struct walk *walk = opaque;
	struct posture *posture = walk->posture;
	struct posture_unit *units, *unit;

	if (strlen(name) >= sizeof(unit->name))
		return 0;
	units = room_for_one(posture->units, posture->n_units, sizeof(*units));
	if (!units)
		return -ENOMEM;
	posture->units = units;
	unit = &units[posture->n_units++];
	*unit = (struct posture_unit) { 0 };
	strcpy(unit->name, name);
	unit->is_vtd = strncmp(name, "dmar", strlen("dmar")) == 0;
	unit->has_caps = unit_number(walk, name, "cap", &unit->caps.cap) == 0 &&
			 unit_number(walk, name, "ecap", &unit->caps.ecap) == 0;
	(void)unit_number(walk, name, "address", &unit->address);
	return 0;
}

static int compare_units(const void *a, const void *b)
{
	const struct posture_unit *x = a, *y = b;

	return strcmp(x->name, y->name);
}

const struct posture_unit *posture_unit_of(const struct posture *posture,
					   const struct moat_host *host,
					   struct moat_bdf bdf)
{
	char path[PATH_MAX], name[MOAT_BDF_STRLEN], unit[32];

	if (moat_path(path, "%s/bus/pci/devices/%s/iommu", host->sysfs,
		      moat_bdf_str(bdf, name)) < 0 ||
	    moat_link_name(path, unit, sizeof(unit)) < 0)
		return NULL;
	for (size_t i = 0; i < posture->n_units; i++)
		if (strcmp(posture->units[i].name, unit) == 0)
			return &posture->units[i];
	return NULL;
}

/* ---- groups ---- */

static enum posture_type group_type(const struct walk *walk, unsigned int id)
{
	static const struct {
		const char *text;
		enum posture_type type;
	} types[] = {
		{ "DMA", POSTURE_TYPE_STRICT },
		{ "DMA-FQ", POSTURE_TYPE_LAZY },
		{ "identity", POSTURE_TYPE_IDENTITY },
		{ "blocked", POSTURE_TYPE_OTHER },
		{ "unmanaged", POSTURE_TYPE_OTHER },
	};
	char path[PATH_MAX], text[64];

	if (moat_path(path, "%s/kernel/iommu_groups/%u/name", walk->host->sysfs,
		      id) == 0 &&
	    moat_read_text(path, text, sizeof(text)) == 0 &&
	    strcmp(text, "vfio-noiommu") == 0)
		return POSTURE_TYPE_NOIOMMU;
	if (moat_path(path, "%s/kernel/iommu_groups/%u/type", walk->host->sysfs,
		      id) < 0 ||
	    moat_read_text(path, text, sizeof(text)) < 0)
		return POSTURE_TYPE_UNKNOWN;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(text, types[i].text) == 0)
			return types[i].type;
	return POSTURE_TYPE_UNKNOWN;
}

/* Is there a line of this type? It is the line's last word. */
static bool has_region(const char *text, const char *type)
{
	const size_t len = strlen(type);

	for (const char *p = text; (p = strstr(p, type)); p += len)
		if (p > text && p[-1] == ' ' &&
		    (p[len] == '\n' || p[len] == '\0'))
			return true;
	return false;
}

static int add_group(void *opaque, const char *name)
{
	const struct walk *walk = opaque;
	struct posture *posture = walk->posture;
	struct posture_group *groups, *group;
	char path[PATH_MAX];
	uint64_t id;
	char *text;

	if (moat_parse_u64(name, 10, &id) < 0 || id > INT_MAX)
		return 0;
	groups = room_for_one(posture->groups, posture->n_groups,
			      sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	posture->groups = groups;
	text = malloc(TEXT_MAX);
	if (!text)
		return -ENOMEM;
	group = &groups[posture->n_groups++];
	*group = (struct posture_group) { .id = (unsigned int)id };
	group->type = group_type(walk, group->id);
	if (moat_path(path, "%s/kernel/iommu_groups/%u/reserved_regions",
		      walk->host->sysfs, group->id) == 0 &&
	    moat_read_text(path, text, TEXT_MAX) == 0) {
		group->direct = has_region(text, "direct");
		group->relaxable = has_region(text, "direct-relaxable");
	}
	free(text);
	return 0;
}

static int compare_groups(const void *a, const void *b)
{
	const struct posture_group *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

const struct posture_group *posture_group_find(const struct posture *posture,
					       int id)
{
	for (size_t i = 0; i < posture->n_groups; i++)
		if (id >= 0 && posture->groups[i].id == (unsigned int)id)
			return &posture->groups[i];
	return NULL;
}

/* ---- firmware ---- */

static void read_dmar(const struct moat_host *host, struct posture *posture)
{
	char path[PATH_MAX];
	void *data;
	size_t len;
	int r;

	r = moat_path(path, "%s/firmware/acpi/tables/DMAR", host->sysfs);
	if (r == 0)
		r = moat_read_file(path, DMAR_MAX, &data, &len);
	if (r == -ENOENT)
		return;
	if (r < 0) {
		posture->dmar_error = moat_fail(&posture->dmar_err, r, "%s: %s",
						path, strerror(-r));
		return;
	}
	r = dmar_parse(data, len, &posture->dmar, &posture->dmar_err);
	free(data);
	posture->has_dmar = r == 0;
	posture->dmar_error = r;
}

/* ---- switches ---- */

static enum posture_fact read_switch(const struct moat_host *host,
				     const char *name)
{
	char path[PATH_MAX], text[8];
	int r;

	r = moat_path(path, "%s/module/%s", host->sysfs, name);
	if (r == 0)
		r = moat_read_text(path, text, sizeof(text));
	if (r == -ENOENT)
		return POSTURE_NO;
	if (r < 0)
		return POSTURE_UNKNOWN;
	return text[0] == 'Y' || text[0] == '1' ? POSTURE_YES : POSTURE_NO;
}

static void read_switches(const struct moat_host *host, struct posture *posture)
{
	static const char *const names[POSTURE_SWITCHES] = {
		"vfio_iommu_type1/parameters/allow_unsafe_interrupts",
		"iommufd/parameters/allow_unsafe_interrupts",
		"vfio/parameters/enable_unsafe_noiommu_mode",
	};

	for (size_t i = 0; i < POSTURE_SWITCHES; i++)
		posture->unsafe[i] = (struct posture_switch) {
			.path = names[i],
			.on = read_switch(host, names[i]),
		};
}

/* Source: Linux Documentation/admin-guide/kernel-parameters.txt, "pci=". */
static bool overrides_acs(const char *word)
{
	return strstr(word, "pcie_acs_override") ||
	       strstr(word, "config_acs=") ||
	       strstr(word, "disable_acs_redir=");
}

static void read_cmdline(const struct moat_host *host, struct posture *posture)
{
	char path[PATH_MAX], *text, *rest, *word;

	text = malloc(TEXT_MAX);
	if (!text)
		return;
	if (moat_path(path, "%s/cmdline", host->procfs) == 0 &&
	    moat_read_text(path, text, TEXT_MAX) == 0)
		for (rest = text; (word = strsep(&rest, " \n"));) {
			if (strncmp(word, "pci=", 4) == 0 &&
			    strstr(word, "noats"))
				posture->no_ats = true;
			if (overrides_acs(word))
				(void)snprintf(posture->acs_override,
					       sizeof(posture->acs_override),
					       "%s", word);
		}
	free(text);
}

/* ---- registers ---- */

static struct posture_unit *find_unit(struct posture *posture, const char *text)
{
	for (size_t i = 0; i < posture->n_units; i++) {
		const size_t len = strlen(posture->units[i].name);

		if (strncmp(posture->units[i].name, text, len) == 0 &&
		    strchr(" \n", text[len]))
			return &posture->units[i];
	}
	return NULL;
}

static enum posture_fact fact(bool yes)
{
	return yes ? POSTURE_YES : POSTURE_NO;
}

/* "GSTS  0x1c  0x00000000c7000000": name, offset, contents. */
void posture_register_line(struct posture *posture, struct posture_unit **unit,
			   const char *line)
{
	static const char heading[] = "IOMMU: ";
	char name[32];
	unsigned long long value;

	if (strncmp(line, heading, strlen(heading)) == 0) {
		*unit = find_unit(posture, line + strlen(heading));
		return;
	}
	if (!*unit || sscanf(line, "%31s 0x%*x 0x%llx", name, &value) != 2)
		return;
	posture->has_registers = true;
	if (strcmp(name, "GSTS") == 0) {
		(*unit)->translates = fact(value & VTD_GCMD_TE);
		(*unit)->remaps = fact(value & VTD_GCMD_IRE);
		(*unit)->takes_compatibility =
			fact((value & VTD_GCMD_IRE) && (value & VTD_GCMD_CFI));
	} else if (strcmp(name, "PMEN") == 0) {
		(*unit)->protects_memory = fact(value & PMEN_PRS);
	} else if (strcmp(name, "IRTA") == 0 && (value & VTD_IRTA_EIME)) {
		(*unit)->takes_compatibility = POSTURE_NO;
	}
}

/* " 23    00:1f.0 00000001 30  000000000004f0f8	0000000100300001" */
void posture_irte_line(struct posture *posture, struct posture_unit **unit,
		       const char *line)
{
	static const char remapped[] =
		"Remapped Interrupt supported on IOMMU: ";
	static const char posted[] = "Posted Interrupt supported on IOMMU: ";
	unsigned long long high, low;

	if (strncmp(line, remapped, strlen(remapped)) == 0)
		*unit = find_unit(posture, line + strlen(remapped));
	else if (strncmp(line, posted, strlen(posted)) == 0)
		*unit = find_unit(posture, line + strlen(posted));
	if (!*unit)
		return;
	/* Posted ones have one more word: the descriptor's halves. */
	if (sscanf(line, " %*u %*x:%*x.%*x %*x %*x %llx %llx", &high, &low) !=
		    2 &&
	    sscanf(line, " %*u %*x:%*x.%*x %*x %*x %*x %llx %llx", &high,
		   &low) != 2)
		return;
	if ((low & VTD_P) && (high >> VTD_IRTE_SVT_SHIFT & 3) == VTD_SVT_NONE)
		(*unit)->unverified_irtes++;
}

static void each_line(const struct moat_host *host, const char *name,
		      struct posture *posture,
		      void (*each)(struct posture *posture,
				   struct posture_unit **unit, const char *line))
{
	struct posture_unit *unit = NULL;
	char path[PATH_MAX], line[LINE_ROOM];
	FILE *file;

	if (moat_path(path, "%s/kernel/debug/iommu/intel/%s", host->sysfs,
		      name) < 0)
		return;
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		each(posture, &unit, line);
	(void)fclose(file);
}

/* ---- the whole ---- */

int posture_read(const struct moat_host *host, struct posture *ret_posture,
		 struct moat_err *err)
{
	struct posture posture = { 0 };
	struct walk walk = { .host = host, .posture = &posture };
	char path[PATH_MAX];
	int r;

	r = moat_path(path, "%s/class/iommu", host->sysfs);
	if (r == 0)
		r = each_name(path, add_unit, &walk);
	if (r == 0)
		r = moat_path(path, "%s/kernel/iommu_groups", host->sysfs);
	if (r == 0)
		r = each_name(path, add_group, &walk);
	if (r < 0) {
		posture_free(&posture);
		return moat_fail(err, r, "%s", strerror(-r));
	}
	if (posture.n_units)
		qsort(posture.units, posture.n_units, sizeof(*posture.units),
		      compare_units);
	if (posture.n_groups)
		qsort(posture.groups, posture.n_groups, sizeof(*posture.groups),
		      compare_groups);
	posture.interrupts_remapped = fact(group_interrupts_remapped(host));
	read_dmar(host, &posture);
	read_switches(host, &posture);
	read_cmdline(host, &posture);
	each_line(host, "iommu_regset", &posture, posture_register_line);
	each_line(host, "ir_translation_struct", &posture, posture_irte_line);
	*ret_posture = posture;
	return 0;
}

void posture_free(struct posture *posture)
{
	free(posture->units);
	free(posture->groups);
	dmar_free(&posture->dmar);
	*posture = (struct posture) { 0 };
}
