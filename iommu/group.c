// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IOMMU groups in sysfs, and the culprits of refusals. Reads only, keeps
 * nothing. What is read for an error message alone is best effort: a file
 * that cannot be read leaves its part of the message out.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/parse.h"
#include "common/process.h"
#include "common/util.h"
#include "common/vfio_driver.h"
#include "iommu/group.h"

/* An attribute of sysfs is at most a page, and pages go up to 64 KiB. */
#define RESERVED_MAX (64 * 1024 + 1)

/* A group that VFIO made up for a device without an IOMMU (no-IOMMU mode). */
static bool is_noiommu(const struct moat_host *host, unsigned int id)
{
	char path[PATH_MAX], name[64];

	return moat_path(path, "%s/kernel/iommu_groups/%u/name", host->sysfs,
			 id) == 0 &&
	       moat_read_text(path, name, sizeof(name)) == 0 &&
	       strcmp(name, "vfio-noiommu") == 0;
}

/* IOMMUs call it so; those of "DMA" and "DMA-FQ" translate. */
static bool is_identity(const struct moat_host *host, unsigned int id)
{
	char path[PATH_MAX], type[64];

	return moat_path(path, "%s/kernel/iommu_groups/%u/type", host->sysfs,
			 id) == 0 &&
	       moat_read_text(path, type, sizeof(type)) == 0 &&
	       strcmp(type, "identity") == 0;
}

int group_kind(const struct moat_host *host, struct moat_bdf bdf,
	       enum group_kind *ret_kind, unsigned int *ret_id,
	       struct moat_err *err)
{
	char path[PATH_MAX], base[32], name[MOAT_BDF_STRLEN];
	uint64_t id;
	int r;

	moat_bdf_str(bdf, name);
	r = moat_path(path, "%s/bus/pci/devices/%s", host->sysfs, name);
	if (r < 0)
		return moat_fail(err, r, "%s: %s is too long a path", name,
				 host->sysfs);
	if (access(path, F_OK) < 0)
		return moat_fail(err, -ENODEV,
				 "%s: this machine has no such PCI device",
				 name);
	r = moat_path(path, "%s/bus/pci/devices/%s/iommu_group", host->sysfs,
		      name);
	if (r < 0)
		return moat_fail(err, r, "%s: %s is too long a path", name,
				 host->sysfs);
	r = moat_link_name(path, base, sizeof(base));
	if (r < 0 || moat_parse_u64(base, 10, &id) < 0 || id > UINT_MAX) {
		*ret_kind = GROUP_NONE;
		*ret_id = 0;
		return 0;
	}
	*ret_id = (unsigned int)id;
	if (is_noiommu(host, *ret_id))
		*ret_kind = GROUP_NOIOMMU;
	else
		*ret_kind = is_identity(host, *ret_id) ? GROUP_IDENTITY
						       : GROUP_FENCED;
	return 0;
}

int group_of_device(const struct moat_host *host, struct moat_bdf bdf,
		    unsigned int *ret_id, struct moat_err *err)
{
	enum group_kind kind = GROUP_NONE;
	char name[MOAT_BDF_STRLEN];
	unsigned int id = 0;
	int r;

	r = group_kind(host, bdf, &kind, &id, err);
	if (r < 0)
		return r;
	moat_bdf_str(bdf, name);
	if (kind == GROUP_NONE)
		return moat_fail(err, -ENODEV,
				 "%s: no IOMMU stands between the device and "
				 "memory (it has no IOMMU group); turn VT-d or "
				 "AMD-Vi on in the firmware, and boot an Intel "
				 "machine with intel_iommu=on",
				 name);
	if (kind == GROUP_NOIOMMU)
		return moat_fail(err, -ENODEV,
				 "%s: its group %u is one of VFIO's no-IOMMU "
				 "mode: nothing would fence its DMA",
				 name, id);
	*ret_id = id;
	return 0;
}

int group_reserved(const struct moat_host *host, unsigned int id,
		   struct resv_list *ret_list, struct moat_err *err)
{
	char path[PATH_MAX];
	char *text;
	int r;

	r = moat_path(path, "%s/kernel/iommu_groups/%u/reserved_regions",
		      host->sysfs, id);
	if (r < 0)
		return moat_fail(err, r, "%s is too long a path", host->sysfs);
	text = malloc(RESERVED_MAX);
	if (!text)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = moat_read_text(path, text, RESERVED_MAX);
	if (r < 0)
		r = moat_fail(err, r, "reading %s: %s", path, strerror(-r));
	else
		r = resv_parse(text, ret_list, err);
	if (r == -EINVAL)
		(void)moat_fail_prefix(err, r, "%s", path);
	free(text);
	return r;
}

void group_driver(const struct moat_host *host, struct moat_bdf bdf, char *buf,
		  size_t size)
{
	char path[PATH_MAX], name[MOAT_BDF_STRLEN];

	buf[0] = '\0';
	if (moat_path(path, "%s/bus/pci/devices/%s/driver", host->sysfs,
		      moat_bdf_str(bdf, name)) == 0)
		(void)moat_link_name(path, buf, size);
}

/* Drivers that leave a group's DMA alone: VFIO's own, and those without. */
static bool driver_is_harmless(const char *driver)
{
	static const char *const harmless[] = { "pci-stub", "pcieport" };

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
		if (strcmp(driver, harmless[i]) == 0)
			return true;
	}
	return moat_is_vfio_driver(driver);
}

void group_culprits(const struct moat_host *host, unsigned int id, char *buf,
		    size_t size)
{
	char path[PATH_MAX], driver[64];
	struct dirent *entry;
	size_t used = 0;
	DIR *dir;
	int n;

	buf[0] = '\0';
	if (moat_path(path, "%s/kernel/iommu_groups/%u/devices", host->sysfs,
		      id) < 0)
		return;
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    moat_path(path,
			      "%s/kernel/iommu_groups/%u/devices/%s/driver",
			      host->sysfs, id, entry->d_name) < 0 ||
		    moat_link_name(path, driver, sizeof(driver)) < 0 ||
		    driver_is_harmless(driver))
			continue;
		n = snprintf(buf + used, size - used, "%s%s (%s)",
			     used ? ", " : "", entry->d_name, driver);
		if (n < 0 || (size_t)n >= size - used)
			break;
		used += (size_t)n;
	}
	(void)closedir(dir);
}

static bool is_file(const void *file, const char *path)
{
	return strcmp(path, file) == 0;
}

void group_holder(const struct moat_host *host, const char *file, bool or_self,
		  char *buf, size_t size)
{
	struct moat_process process;

	buf[0] = '\0';
	if (moat_process_find(host, or_self ? 0 : getpid(), is_file, file,
			      &process))
		(void)snprintf(buf, size, "%s (process %d)",
			       process.comm[0] ? process.comm : "a program",
			       process.pid);
}

/* By line: on a large machine the file is megabytes. */
bool group_interrupts_remapped(const struct moat_host *host)
{
	char path[PATH_MAX];
	char *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *f;

	if (moat_path(path, "%s/interrupts", host->procfs) < 0)
		return false;
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && getline(&line, &size, f) >= 0)
		found = strstr(line, " IR-") != NULL;
	free(line);
	(void)fclose(f);
	return found;
}

bool group_unsafe_interrupts(const struct moat_host *host, const char *module,
			     char ret_param[PATH_MAX])
{
	/* iommufd's is the one where it stands in for the type1 module. */
	const char *const modules[] = { module, "iommufd" };
	char value[8];

	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		if (moat_path(ret_param,
			      "%s/module/%s/parameters/allow_unsafe_interrupts",
			      host->sysfs, modules[i]) < 0 ||
		    moat_read_text(ret_param, value, sizeof(value)) < 0)
			continue;
		return value[0] == 'N' && !group_interrupts_remapped(host);
	}
	return false;
}
