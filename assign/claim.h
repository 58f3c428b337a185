/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binding and releasing, with the kernel's part behind a table, so that
 * tests can put a kernel of their own in its place.
 */
#ifndef MOAT_ASSIGN_CLAIM_H
#define MOAT_ASSIGN_CLAIM_H

#include <stdbool.h>

#include <moat/bdf.h>
#include <moat/err.h>
#include <moat/host_pci.h>

struct moat_host;

struct claim_ops {
	/* Write one attribute of sysfs; 0 or -errno. */
	int (*write)(void *opaque, const char *path, const char *text);
	/* Load a module by name; 0 or -errno. */
	int (*load_module)(void *opaque, const char *name);
	void *opaque;
	unsigned int settle_ms; /* how long a driver link may take to move */
};

/* The machine's own kernel. */
extern const struct claim_ops claim_kernel_ops;

enum claim_flags {
	CLAIM_FORCE = 1 << 0,	 /* even if the host needs it */
	CLAIM_STAY = 1 << 1,	 /* owned by nobody */
	CLAIM_UNFENCED = 1 << 2, /* for dma=none */
};

/** claim_bind() - moat_host_pci_bind() on @ops; @flags: CLAIM_* */
int claim_bind(const struct claim_ops *ops, const struct moat_host *host,
	       struct moat_bdf bdf, unsigned int flags, bool *ret_bound,
	       struct moat_err *err);

/** claim_release() - moat_host_pci_release() on @ops */
int claim_release(const struct claim_ops *ops, const struct moat_host *host,
		  struct moat_bdf bdf, struct moat_err *err);

/** claim_release_own() - moat_host_pci_release_own() on @ops */
int claim_release_own(const struct claim_ops *ops, const struct moat_host *host,
		      struct moat_err *err);

/**
 * claim_find_user() - would taking the function from vfio-pci have to wait?
 * @probe: also ask the kernel, by opening the group for a moment: that sees
 *	   every user, but another process that opens the group in that
 *	   moment is turned away
 * Return: true, and who.
 */
bool claim_find_user(const struct moat_host *host, struct moat_bdf bdf,
		     bool probe, struct moat_host_pci_user *ret_user);

#endif /* MOAT_ASSIGN_CLAIM_H */
