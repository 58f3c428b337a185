// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fake kernel knows four attributes, as drivers/base/bus.c,
 * drivers/pci/ and drivers/iommu/ have them: driver_override of a function,
 * bind and unbind of a driver, and the type of an IOMMU group. A driver matches
 * the function whose first driver it was ("native"), unless an override names
 * another.
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "common/io.h"
#include "tests/assign/fake_host.h"

static void full_path(const struct fake_host *h, const char *path,
		      char ret[PATH_MAX])
{
	ck_assert_int_eq(moat_path(ret, "%s/%s", h->root, path), 0);
}

static void make_parents(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
}

void fake_write(const struct fake_host *h, const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *f;

	full_path(h, path, full);
	make_parents(full);
	f = fopen(full, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

void fake_link(const struct fake_host *h, const char *path, const char *to)
{
	char full[PATH_MAX], target[PATH_MAX];

	full_path(h, path, full);
	full_path(h, to, target);
	make_parents(full);
	ck_assert_int_eq(symlink(target, full), 0);
}

void fake_dir(const struct fake_host *h, const char *path)
{
	char full[PATH_MAX];

	full_path(h, path, full);
	make_parents(full);
	ck_assert(mkdir(full, 0755) == 0 || errno == EEXIST);
}

void fake_unlink(const struct fake_host *h, const char *path)
{
	char full[PATH_MAX];

	full_path(h, path, full);
	ck_assert_int_eq(unlink(full), 0);
}

bool fake_exists(const struct fake_host *h, const char *path)
{
	char full[PATH_MAX];

	full_path(h, path, full);
	return access(full, F_OK) == 0;
}

/* "sys/bus/pci/devices/ADDR/ATTR" and the like. */
static const char *join(char buf[PATH_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static const char *join(char buf[PATH_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(buf, PATH_MAX, fmt, ap);
	va_end(ap);
	return buf;
}

void fake_attr(const struct fake_host *h, const char *addr, const char *attr,
	       const char *text)
{
	char path[PATH_MAX];

	fake_write(h, join(path, "sys/bus/pci/devices/%s/%s", addr, attr),
		   text);
}

void fake_add_driver(const struct fake_host *h, const char *driver)
{
	char path[PATH_MAX];

	fake_write(h, join(path, "sys/bus/pci/drivers/%s/bind", driver), "");
	fake_write(h, join(path, "sys/bus/pci/drivers/%s/unbind", driver), "");
}

static void link_driver(const struct fake_host *h, const char *addr,
			const char *driver)
{
	char path[PATH_MAX], to[PATH_MAX];

	fake_link(h, join(path, "sys/bus/pci/devices/%s/driver", addr),
		  join(to, "sys/bus/pci/drivers/%s", driver));
}

static void hex_attr(const struct fake_host *h, const char *addr,
		     const char *attr, unsigned int value, int digits)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "0x%0*x\n", digits, value);
	fake_attr(h, addr, attr, text);
}

static void add_config(const struct fake_host *h, const struct fake_fn *fn)
{
	char path[PATH_MAX], full[PATH_MAX];
	unsigned char config[64] = { 0 };
	FILE *f;

	config[0x0e] = (unsigned char)fn->header_type;
	full_path(h, join(path, "sys/bus/pci/devices/%s/config", fn->addr),
		  full);
	f = fopen(full, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(config, 1, sizeof(config), f), sizeof(config));
	ck_assert_int_eq(fclose(f), 0);
}

void fake_add_fn(const struct fake_host *h, const struct fake_fn *fn)
{
	char path[PATH_MAX], to[PATH_MAX], text[32];

	join(to, "sys/devices/%s/%s", fn->parent ? fn->parent : "pci0000:00",
	     fn->addr);
	fake_dir(h, to);
	fake_link(h, join(path, "sys/bus/pci/devices/%s", fn->addr), to);
	hex_attr(h, fn->addr, "vendor", fn->vendor, 4);
	hex_attr(h, fn->addr, "device", fn->device, 4);
	hex_attr(h, fn->addr, "class", fn->class_code, 6);
	add_config(h, fn);
	fake_attr(h, fn->addr, "driver_override", "(null)\n");
	(void)snprintf(text, sizeof(text), "%d\n", fn->numa_node);
	fake_attr(h, fn->addr, "numa_node", text);
	if (fn->reset_method)
		fake_attr(h, fn->addr, "reset_method", fn->reset_method);
	fake_attr(h, fn->addr, "native", fn->driver ? fn->driver : "");
	if (fn->driver) {
		fake_add_driver(h, fn->driver);
		link_driver(h, fn->addr, fn->driver);
	}
	if (fn->group < 0)
		return;
	fake_link(h,
		  join(path, "sys/kernel/iommu_groups/%d/devices/%s", fn->group,
		       fn->addr),
		  to);
	join(to, "sys/kernel/iommu_groups/%d", fn->group);
	fake_link(h, join(path, "sys/bus/pci/devices/%s/iommu_group", fn->addr),
		  to);
}

void fake_driver_of(const struct fake_host *h, const char *addr,
		    char ret[MOAT_DRIVER_MAX])
{
	char path[PATH_MAX], full[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	full_path(h, join(path, "sys/bus/pci/devices/%s/driver", addr), full);
	n = readlink(full, target, sizeof(target) - 1);
	if (n < 0) {
		ret[0] = '\0';
		return;
	}
	target[n] = '\0';
	(void)snprintf(ret, MOAT_DRIVER_MAX, "%.63s", strrchr(target, '/') + 1);
}

void fake_process(const struct fake_host *h, int pid, unsigned int start,
		  char state)
{
	char path[PATH_MAX], text[256];

	/* The name is the most hostile one that fits: it ends in ") R 1". */
	(void)snprintf(text, sizeof(text),
		       "%d (moat) R 1) %c 1 1 1 0 -1 4194560 99 0 0 0 5 6 0 0 "
		       "20 0 1 0 %u 8000000 300 18446744073709551615 0\n",
		       pid, state, start);
	fake_write(h, join(path, "proc/%d/stat", pid), text);
	fake_write(h, join(path, "proc/%d/comm", pid), "moat\n");
}

void fake_self(const struct fake_host *h, int pid)
{
	char to[PATH_MAX];

	if (fake_exists(h, "proc/self"))
		fake_unlink(h, "proc/self");
	fake_link(h, "proc/self", join(to, "proc/%d", pid));
	if (!fake_exists(h, "proc/self/mountinfo"))
		fake_write(h, join(to, "proc/%d/mountinfo", pid), "");
}

void fake_process_gone(const struct fake_host *h, int pid)
{
	char path[PATH_MAX];

	fake_unlink(h, join(path, "proc/%d/stat", pid));
}

struct moat_bdf fake_bdf(const char *addr)
{
	struct moat_bdf bdf;

	ck_assert_int_eq(moat_bdf_parse(addr, &bdf, NULL), 0);
	return bdf;
}

static int kernel_override(struct fake_host *h, const char *path,
			   const char *text)
{
	FILE *f;

	(void)h;
	f = fopen(path, "we");
	if (!f)
		return -errno;
	(void)fputs(*text == '\n' ? "(null)\n" : text, f);
	return fclose(f) ? -EIO : 0;
}

static int kernel_unbind(struct fake_host *h, const char *driver,
			 const char *addr)
{
	char now[MOAT_DRIVER_MAX], path[PATH_MAX];

	fake_driver_of(h, addr, now);
	if (!now[0] || strcmp(now, driver))
		return -ENODEV;
	if (!h->stuck)
		fake_unlink(h,
			    join(path, "sys/bus/pci/devices/%s/driver", addr));
	return 0;
}

static int kernel_bind(struct fake_host *h, const char *driver,
		       const char *addr)
{
	char now[MOAT_DRIVER_MAX], match[MOAT_DRIVER_MAX];
	char path[PATH_MAX], full[PATH_MAX];

	fake_driver_of(h, addr, now);
	if (now[0])
		return -EBUSY;
	full_path(h, join(path, "sys/bus/pci/devices/%s/driver_override", addr),
		  full);
	ck_assert_int_eq(moat_read_text(full, match, sizeof(match)), 0);
	if (strcmp(match, "(null)") == 0) {
		full_path(h, join(path, "sys/bus/pci/devices/%s/native", addr),
			  full);
		ck_assert_int_eq(moat_read_text(full, match, sizeof(match)), 0);
	}
	if (strcmp(match, driver))
		return -ENODEV;
	link_driver(h, addr, driver);
	return 0;
}

/* iommu_group_store_type(): not while a driver uses a device of the group. */
static int kernel_type(struct fake_host *h, const char *group, const char *path,
		       const char *text)
{
	char devices[PATH_MAX + 16], driver[MOAT_DRIVER_MAX];
	const struct dirent *entry;
	unsigned int n = 0;
	int r = 0;
	FILE *f;
	DIR *d;

	(void)snprintf(devices, sizeof(devices), "%s/devices", group);
	d = opendir(devices);
	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		fake_driver_of(h, entry->d_name, driver);
		if (driver[0])
			r = -EPERM;
	}
	(void)closedir(d);
	if (r == 0 && n > 1 && !h->types_of_many)
		r = -EINVAL;
	if (r < 0)
		return r;
	f = fopen(path, "we");
	if (!f)
		return -errno;
	(void)fprintf(f, "%s\n", text);
	return fclose(f) ? -EIO : 0;
}

static bool fails_now(struct fake_host *h)
{
	h->n_writes++;
	if (!h->fail_at || h->n_writes < h->fail_at ||
	    (h->n_writes > h->fail_at && !h->fail_on))
		return false;
	if (h->die)
		_exit(0);
	return true;
}

static int fake_kernel_write(void *opaque, const char *path, const char *text)
{
	struct fake_host *h = opaque;
	char driver[PATH_MAX], *attr;

	if (fails_now(h))
		return -h->fail_errno;
	if (access(path, F_OK) < 0)
		return -errno;
	(void)snprintf(driver, sizeof(driver), "%s", path);
	attr = strrchr(driver, '/');
	*attr++ = '\0';
	if (strcmp(attr, "driver_override") == 0)
		return kernel_override(h, path, text);
	if (strcmp(attr, "unbind") == 0)
		return kernel_unbind(h, strrchr(driver, '/') + 1, text);
	if (strcmp(attr, "type") == 0)
		return kernel_type(h, driver, path, text);
	if (strcmp(attr, "bind") == 0)
		return kernel_bind(h, strrchr(driver, '/') + 1, text);
	ck_abort_msg("nothing should write %s", path);
	return -EIO;
}

static int fake_load_module(void *opaque, const char *name)
{
	struct fake_host *h = opaque;

	h->n_loads++;
	if (strcmp(name, h->loadable))
		return -ENOENT;
	fake_add_driver(h, name);
	return 0;
}

void fake_host_init(struct fake_host *h)
{
	memset(h, 0, sizeof(*h));
	(void)snprintf(h->root, sizeof(h->root), "/tmp/moat-host-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(h->root));
	(void)snprintf(h->sysfs, sizeof(h->sysfs), "%s/sys", h->root);
	(void)snprintf(h->procfs, sizeof(h->procfs), "%s/proc", h->root);
	(void)snprintf(h->dev, sizeof(h->dev), "%s/dev", h->root);
	(void)snprintf(h->state, sizeof(h->state), "%s/state", h->root);
	h->host.sysfs = h->sysfs;
	h->host.procfs = h->procfs;
	h->host.dev = h->dev;
	h->host.state = h->state;
	h->ops.write = fake_kernel_write;
	h->ops.load_module = fake_load_module;
	h->ops.opaque = h;
	h->ops.settle_ms = 20;
	h->fail_errno = EIO;
	fake_dir(h, "sys/bus/pci/devices");
	fake_dir(h, "dev/vfio");
	fake_dir(h, "sys/class/iommu/dmar0");
	fake_add_driver(h, "vfio-pci");
	fake_process(h, 4242, 1000, 'R');
	fake_self(h, 4242);
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_host_fini(struct fake_host *h)
{
	ck_assert_int_eq(nftw(h->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS),
			 0);
}
