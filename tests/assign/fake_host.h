/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host made of files: sysfs, procfs, /dev and the state directory under
 * one temporary directory, and a kernel that acts on writes to its sysfs.
 */
#ifndef MOAT_TESTS_FAKE_HOST_H
#define MOAT_TESTS_FAKE_HOST_H

#include <limits.h>
#include <stdbool.h>

#include <moat/bdf.h>

#include "assign/claim.h"
#include "common/host.h"

struct fake_host {
	char root[64];
	char sysfs[80], procfs[80], dev[80], state[80];
	struct moat_host host;

	/* The kernel's part. */
	struct claim_ops ops;
	_Atomic unsigned int n_writes; /* some tests have threads */
	unsigned int fail_at;	       /* this write fails; 0: none does */
	bool fail_on;		       /* and every one after it */
	bool die;	   /* instead of failing, the process ends */
	int fail_errno;	   /* positive */
	char loadable[64]; /* the one driver that load_module brings */
	unsigned int n_loads;
	bool stuck;	    /* unbind answers 0 and does nothing */
	bool types_of_many; /* Linux 6.4: also of a group of several */
};

/* One function; what is NULL or -1 is left out. */
struct fake_fn {
	const char *addr;
	const char *parent; /* under sys/devices; NULL: pci0000:00 */
	unsigned int vendor, device, class_code;
	unsigned int header_type;
	const char *driver;
	int group;
	const char *reset_method;
	int numa_node;
};

void fake_host_init(struct fake_host *h);
void fake_host_fini(struct fake_host *h);

/* Paths are relative to the root: "sys/...", "proc/...". */
void fake_write(const struct fake_host *h, const char *path, const char *text);
void fake_link(const struct fake_host *h, const char *path, const char *to);
void fake_dir(const struct fake_host *h, const char *path);
void fake_unlink(const struct fake_host *h, const char *path);
bool fake_exists(const struct fake_host *h, const char *path);

void fake_add_fn(const struct fake_host *h, const struct fake_fn *fn);
void fake_add_driver(const struct fake_host *h, const char *driver);
void fake_attr(const struct fake_host *h, const char *addr, const char *attr,
	       const char *text);

/* The driver's name; "" for none. */
void fake_driver_of(const struct fake_host *h, const char *addr,
		    char ret[MOAT_DRIVER_MAX]);

/* A process that /proc shows; fake_self() makes it the calling one. */
void fake_process(const struct fake_host *h, int pid, unsigned int start,
		  char state);
void fake_self(const struct fake_host *h, int pid);
void fake_process_gone(const struct fake_host *h, int pid);

struct moat_bdf fake_bdf(const char *addr);

#endif /* MOAT_TESTS_FAKE_HOST_H */
