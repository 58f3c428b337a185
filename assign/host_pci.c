// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's PCI functions as sysfs tells them.
 *
 * Everything is read afresh at every call: drivers and groups change under
 * us. A function that vanishes while a list is made is left out of it.
 * Source: Linux Documentation/ABI/testing/sysfs-bus-pci.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <moat/host_pci.h>

#include "assign/host_pci_internal.h"
#include "assign/in_use.h"
#include "common/io.h"
#include "common/parse.h"
#include "common/vfio_driver.h"

#define HEADER_TYPE_MASK   0x7f
#define HEADER_TYPE_ABSENT 0x7f /* all ones: it did not answer */

int host_pci_attr(const struct moat_host *host, struct moat_bdf bdf,
		  const char *attr, char ret_path[PATH_MAX])
{
	char addr[MOAT_BDF_STRLEN];

	return moat_path(ret_path, "%s/bus/pci/devices/%s%s%s", host->sysfs,
			 moat_bdf_str(bdf, addr), *attr ? "/" : "", attr);
}

const char *host_pci_short(struct moat_bdf bdf, char buf[MOAT_BDF_STRLEN])
{
	if (bdf.domain)
		return moat_bdf_str(bdf, buf);
	(void)snprintf(buf, MOAT_BDF_STRLEN, "%02x:%02x.%x", bdf.bus,
		       bdf.dev & 0x1fu, bdf.fn & 7u);
	return buf;
}

int host_pci_driver(const struct moat_host *host, struct moat_bdf bdf,
		    char ret_driver[MOAT_DRIVER_MAX])
{
	char path[PATH_MAX];
	int r;

	r = host_pci_attr(host, bdf, "driver", path);
	if (r < 0)
		return r;
	r = moat_link_name(path, ret_driver, MOAT_DRIVER_MAX);
	if (r != -ENOENT)
		return r;
	r = host_pci_attr(host, bdf, "", path);
	if (r < 0)
		return r;
	if (access(path, F_OK) < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	ret_driver[0] = '\0';
	return 0;
}

int host_pci_group_number(const struct moat_host *host, struct moat_bdf bdf,
			  bool *ret_noiommu)
{
	char path[PATH_MAX], text[64];
	uint64_t number;

	*ret_noiommu = false;
	if (host_pci_attr(host, bdf, "iommu_group", path) < 0 ||
	    moat_link_name(path, text, sizeof(text)) < 0 ||
	    moat_parse_u64(text, 10, &number) < 0 || number > INT_MAX)
		return MOAT_NO_GROUP;
	if (host_pci_attr(host, bdf, "iommu_group/name", path) == 0 &&
	    moat_read_text(path, text, sizeof(text)) == 0)
		*ret_noiommu = strcmp(text, "vfio-noiommu") == 0;
	return (int)number;
}

/* An attribute that holds one hexadecimal number, at most @max. */
static int read_hex(const struct moat_host *host, struct moat_bdf bdf,
		    const char *attr, uint64_t max, uint64_t *ret_value)
{
	char path[PATH_MAX], text[32];
	int r;

	r = host_pci_attr(host, bdf, attr, path);
	if (r < 0)
		return r;
	r = moat_read_text(path, text, sizeof(text));
	if (r < 0)
		return r;
	r = moat_parse_u64(text, 16, ret_value);
	if (r < 0)
		return r;
	return *ret_value <= max ? 0 : -ERANGE;
}

static int read_ids(const struct moat_host *host, struct moat_host_pci *fn)
{
	uint64_t vendor, device, class_code;
	int r;

	r = read_hex(host, fn->bdf, "vendor", UINT16_MAX, &vendor);
	if (r < 0)
		return r;
	r = read_hex(host, fn->bdf, "device", UINT16_MAX, &device);
	if (r < 0)
		return r;
	r = read_hex(host, fn->bdf, "class", 0xffffff, &class_code);
	if (r < 0)
		return r;
	fn->vendor = (uint16_t)vendor;
	fn->device = (uint16_t)device;
	fn->class_code = (uint32_t)class_code;
	return 0;
}

/*
 * HEADER_TYPE_ABSENT when it cannot be told. Of each device of the machine
 * only the standard header is read: some hang at what lies behind it, which
 * is why Linux shows users no more (drivers/pci/pci-sysfs.c).
 */
static uint8_t read_header_type(const struct moat_host *host,
				struct moat_bdf bdf)
{
	uint8_t header[PCI_STD_HEADER_SIZEOF];
	char path[PATH_MAX];
	int fd, r;

	if (host_pci_attr(host, bdf, "config", path) < 0)
		return HEADER_TYPE_ABSENT;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return HEADER_TYPE_ABSENT;
	r = moat_pread_all(fd, header, sizeof(header), 0);
	(void)close(fd);
	if (r < 0)
		return HEADER_TYPE_ABSENT;
	return header[PCI_HEADER_TYPE] & HEADER_TYPE_MASK;
}

/* By the header type; by the class where the header cannot be read. */
static bool read_is_bridge(const struct moat_host *host,
			   const struct moat_host_pci *fn)
{
	uint32_t subclass = fn->class_code >> 8;
	uint8_t type = read_header_type(host, fn->bdf);

	if (type != HEADER_TYPE_ABSENT)
		return type == PCI_HEADER_TYPE_BRIDGE ||
		       type == PCI_HEADER_TYPE_CARDBUS;
	return subclass == 0x0604 || subclass == 0x0607 || subclass == 0x0609;
}

static int read_numa_node(const struct moat_host *host, struct moat_bdf bdf)
{
	char path[PATH_MAX], text[32];
	uint64_t node;

	if (host_pci_attr(host, bdf, "numa_node", path) < 0 ||
	    moat_read_text(path, text, sizeof(text)) < 0 ||
	    moat_parse_u64(text, 10, &node) < 0 || node > INT_MAX)
		return MOAT_NO_NODE; /* "-1" is sysfs's way to say so */
	return (int)node;
}

/*
 * reset_method is there since Linux 5.15; before it, a file "reset" told
 * that there is one, and the kernel alone knew which.
 */
static void read_reset(const struct moat_host *host, struct moat_host_pci *fn)
{
	char path[PATH_MAX];

	if (host_pci_attr(host, fn->bdf, "reset_method", path) == 0 &&
	    moat_read_text(path, fn->reset_method, sizeof(fn->reset_method)) ==
		    0)
		return;
	fn->reset_method[0] = '\0';
	if (host_pci_attr(host, fn->bdf, "reset", path) == 0 &&
	    access(path, F_OK) == 0)
		(void)snprintf(fn->reset_method, sizeof(fn->reset_method),
			       "default");
}

static bool read_is_boot_display(const struct moat_host *host,
				 struct moat_bdf bdf)
{
	char path[PATH_MAX], text[8];

	return host_pci_attr(host, bdf, "boot_vga", path) == 0 &&
	       moat_read_text(path, text, sizeof(text)) == 0 &&
	       strcmp(text, "1") == 0;
}

/* Source: Linux Documentation/ABI/testing/sysfs-bus-pci. */
static void read_sriov(const struct moat_host *host, struct moat_host_pci *fn)
{
	char path[PATH_MAX], text[32];
	uint64_t n;

	if (host_pci_attr(host, fn->bdf, "sriov_numvfs", path) == 0 &&
	    moat_read_text(path, text, sizeof(text)) == 0 &&
	    moat_parse_u64(text, 10, &n) == 0 && n <= UINT16_MAX)
		fn->n_vfs = (unsigned int)n;
	if (host_pci_attr(host, fn->bdf, "physfn", path) == 0 &&
	    moat_link_name(path, text, sizeof(text)) == 0 &&
	    moat_bdf_parse(text, &fn->pf, NULL) == 0)
		fn->is_vf = true;
}

/* Without a driver of the host's there is nothing to depend on. */
static bool may_be_in_use(const struct moat_host_pci *fn)
{
	return fn->driver[0] && !moat_is_vfio_driver(fn->driver);
}

/* @uses: NULL: leave in_use empty. Return: -ENODEV when it is not there. */
static int read_function(const struct moat_host *host, struct moat_bdf bdf,
			 const struct in_use *uses,
			 struct moat_host_pci *ret_fn)
{
	struct moat_host_pci fn = { .bdf = bdf };
	bool noiommu;
	int r;

	r = host_pci_driver(host, bdf, fn.driver);
	if (r < 0)
		return r;
	r = read_ids(host, &fn);
	if (r < 0)
		return r == -ENOENT ? -ENODEV : r;
	fn.is_bridge = read_is_bridge(host, &fn);
	fn.iommu_group = host_pci_group_number(host, bdf, &noiommu);
	if (noiommu)
		fn.iommu_group = MOAT_NO_GROUP;
	fn.numa_node = read_numa_node(host, bdf);
	read_reset(host, &fn);
	fn.boot_display = read_is_boot_display(host, bdf);
	read_sriov(host, &fn);
	if (uses && may_be_in_use(&fn))
		in_use_find(uses, bdf, fn.in_use, sizeof(fn.in_use));
	*ret_fn = fn;
	return 0;
}

int moat_host_pci_read(const struct moat_host *host, struct moat_bdf bdf,
		       struct moat_host_pci *ret_fn, struct moat_err *err)
{
	char addr[MOAT_BDF_STRLEN];
	struct moat_host_pci fn;
	struct in_use *uses;
	int r;

	host = host_or_this(host);
	r = read_function(host, bdf, NULL, &fn);
	if (r == -ENODEV)
		return moat_fail(err, r,
				 "there is no PCI device %s on this machine; "
				 "`moat devices` lists those there are",
				 moat_bdf_str(bdf, addr));
	if (r < 0)
		return moat_fail(err, r, "cannot read %s from %s: %s",
				 moat_bdf_str(bdf, addr), host->sysfs,
				 strerror(-r));
	/* The scan looks at every mount and route: hundreds of look-ups. */
	if (may_be_in_use(&fn)) {
		r = in_use_scan(host, &uses, err);
		if (r < 0)
			return r;
		in_use_find(uses, bdf, fn.in_use, sizeof(fn.in_use));
		in_use_free(uses);
	}
	*ret_fn = fn;
	return 0;
}

/* Append; grows by doubling. */
static int add_bdf(struct moat_bdf **bdfs, size_t *n, struct moat_bdf bdf)
{
	struct moat_bdf *grown;

	if ((*n & (*n - 1)) == 0) { /* 0 or a power of two: full */
		grown = realloc(*bdfs, (*n ? *n * 2 : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		*bdfs = grown;
	}
	(*bdfs)[(*n)++] = bdf;
	return 0;
}

static int compare_bdf(const void *a, const void *b)
{
	const struct moat_bdf *x = a, *y = b;

	if (x->domain != y->domain)
		return x->domain < y->domain ? -1 : 1;
	if (x->bus != y->bus)
		return x->bus - y->bus;
	if (x->dev != y->dev)
		return x->dev - y->dev;
	return x->fn - y->fn;
}

int host_pci_read_dir(const char *path, struct moat_bdf **ret_bdfs,
		      size_t *ret_n)
{
	struct moat_bdf *bdfs = NULL, bdf;
	const struct dirent *entry;
	size_t n = 0;
	int r = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir)))
		if (moat_bdf_parse(entry->d_name, &bdf, NULL) == 0)
			r = add_bdf(&bdfs, &n, bdf);
	(void)closedir(dir);
	if (r < 0) {
		free(bdfs);
		return r;
	}
	if (n)
		qsort(bdfs, n, sizeof(*bdfs), compare_bdf);
	*ret_bdfs = bdfs;
	*ret_n = n;
	return 0;
}

static int read_all(const struct moat_host *host, const struct moat_bdf *bdfs,
		    size_t n_bdfs, const struct in_use *uses,
		    struct moat_host_pci **ret_fns, size_t *ret_n)
{
	struct moat_host_pci *fns;
	size_t n = 0;
	int r;

	fns = calloc(n_bdfs ? n_bdfs : 1, sizeof(*fns));
	if (!fns)
		return -ENOMEM;
	for (size_t i = 0; i < n_bdfs; i++) {
		r = read_function(host, bdfs[i], uses, &fns[n]);
		if (r == -ENODEV)
			continue;
		if (r < 0) {
			free(fns);
			return r;
		}
		n++;
	}
	*ret_fns = fns;
	*ret_n = n;
	return 0;
}

int moat_host_pci_list(const struct moat_host *host,
		       struct moat_host_pci **ret_fns, size_t *ret_n,
		       struct moat_err *err)
{
	char path[PATH_MAX];
	struct moat_bdf *bdfs;
	struct in_use *uses;
	size_t n;
	int r;

	host = host_or_this(host);
	r = moat_path(path, "%s/bus/pci/devices", host->sysfs);
	if (r == 0)
		r = host_pci_read_dir(path, &bdfs, &n);
	if (r < 0)
		return moat_fail(err, r,
				 "cannot list the PCI devices in %s: %s", path,
				 strerror(-r));
	r = in_use_scan(host, &uses, err);
	if (r < 0)
		goto free_bdfs;
	r = read_all(host, bdfs, n, uses, ret_fns, ret_n);
	if (r < 0)
		(void)moat_fail(err, r, "cannot read the PCI devices in %s: %s",
				path, strerror(-r));
	in_use_free(uses);
free_bdfs:
	free(bdfs);
	return r;
}

int moat_host_pci_group(const struct moat_host *host, struct moat_bdf bdf,
			struct moat_host_pci **ret_fns, size_t *ret_n)
{
	char path[PATH_MAX];
	struct moat_bdf *bdfs;
	size_t n;
	int r;

	host = host_or_this(host);
	r = host_pci_attr(host, bdf, "iommu_group/devices", path);
	if (r < 0)
		return r;
	r = host_pci_read_dir(path, &bdfs, &n);
	if (r < 0)
		return r;
	r = read_all(host, bdfs, n, NULL, ret_fns, ret_n);
	free(bdfs);
	return r;
}
