/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's PCI functions: what they are, who holds them, whether they can
 * be assigned and why not; and taking one from its driver and giving it
 * back.
 */
#ifndef MOAT_HOST_PCI_H
#define MOAT_HOST_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/err.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moat_host;

#define MOAT_DRIVER_MAX 64
#define MOAT_NO_GROUP	(-1)
#define MOAT_NO_NODE	(-1)

/* One PCI function, as sysfs tells it. */
struct moat_host_pci {
	struct moat_bdf bdf;
	uint16_t vendor, device;
	uint32_t class_code;	      /* 24 bits: class, subclass, prog-if */
	bool is_bridge;		      /* header type 1 or 2 */
	char driver[MOAT_DRIVER_MAX]; /* "" when none is bound */
	int iommu_group;	      /* MOAT_NO_GROUP when none */
	int numa_node;		      /* MOAT_NO_NODE when unknown */
	char reset_method[64];	      /* sysfs reset_method; "" when none */
	char in_use[256];	      /* why the host needs it; "" if not */
	bool boot_display;	      /* firmware and host started on it */
	unsigned int n_vfs;	      /* virtual functions it has enabled */
	bool is_vf;		      /* a virtual function, of @pf */
	struct moat_bdf pf;
};

/**
 * moat_host_pci_read() - look one function up
 * @host: NULL for this machine
 * Return: 0, -ENODEV (there is none at that address), the errno of reading
 * sysfs, or of /proc where that must tell what the host uses; -EINVAL or
 * -ERANGE for an attribute that is not what it should be.
 */
int moat_host_pci_read(const struct moat_host *host, struct moat_bdf bdf,
		       struct moat_host_pci *ret_fn, struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_host_pci_list() - all functions, sorted by address
 * @ret_fns: the caller frees it; never NULL, even when there are none
 *
 * What vanishes while the list is made is left out of it.
 * Return: 0, the errno of opening the directory in sysfs (-ENOENT: no PCI at
 * all), -ENOMEM, or as moat_host_pci_read() but -ENODEV; with a sentence.
 */
int moat_host_pci_list(const struct moat_host *host,
		       struct moat_host_pci **ret_fns, size_t *ret_n,
		       struct moat_err *err)
	__attribute__((visibility("default")));

/* How a function is meant to be assigned; all zero: by itself. */
struct moat_host_pci_plan {
	const struct moat_bdf *same_guest; /* all devices of that guest */
	size_t n_same_guest;
	bool managed;  /* the caller will take it from its driver itself */
	bool force;    /* even if the host needs it */
	bool unfenced; /* with dma=none */
};

/**
 * moat_host_pci_verdict() - could this function be assigned now?
 *
 * The group rule: every other endpoint of its IOMMU group is unused, on a
 * VFIO driver (vfio-pci and its variants), or in the plan. Culprits are
 * named. A bridge in the group is no culprit. It holds with dma=none, too,
 * since the whole group goes without translation then.
 * Return: 0 (assignable), -EBUSY (a driver, the host's own use, virtual
 * functions of it, or the group), -ENODEV (no IOMMU group), -EINVAL (a bridge,
 * the host's own host or ISA bridge, graphics that cannot be given away, a
 * virtual function with dma=none), -EPERM (dma=none, and VFIO's mode for that
 * is off), or the errno of reading the group; with the reason and the remedy in
 * @err.
 */
int moat_host_pci_verdict(const struct moat_host *host,
			  const struct moat_host_pci *fn,
			  const struct moat_host_pci_plan *plan,
			  struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_host_pci_group() - all functions of @bdf's IOMMU group, itself too
 * @ret_fns: sorted by address; the caller frees it
 *
 * Their in_use stays empty.
 * Return: 0, -ENOENT (no group, or no such function), -ENOMEM, or the errno
 * of reading one of them.
 */
int moat_host_pci_group(const struct moat_host *host, struct moat_bdf bdf,
			struct moat_host_pci **ret_fns, size_t *ret_n)
	__attribute__((visibility("default")));

/* A process that has a function or its group open. */
struct moat_host_pci_user {
	int pid;       /* 0: some process that cannot be seen from here */
	char comm[32]; /* its name; "" when unknown */
};

/**
 * moat_host_pci_user() - does a process use the function through VFIO?
 * Sees only processes that /proc shows, and does not open the group itself.
 * Return: 1 and who, or 0; never an error: what cannot be read counts as
 * not using it.
 */
int moat_host_pci_user(const struct moat_host *host, struct moat_bdf bdf,
		       struct moat_host_pci_user *ret_user)
	__attribute__((visibility("default")));

/* How to take a function. */
#define MOAT_BIND_FORCE	   (1u << 0) /* even if the host needs it */
#define MOAT_BIND_UNFENCED (1u << 1) /* for dma=none */

/**
 * moat_host_pci_bind() - take a function from its driver for vfio-pci
 * @flags:     MOAT_BIND_*
 * @ret_bound: true when the caller now owes a release: this call changed
 *	       the binding, or took over that of a process which died
 *
 * The calling process owns the binding and gives it back before it ends;
 * should it die first, the record says so.
 *
 * By driver_override, never new_id. What was there before is recorded under
 * the state directory first, so that moat_host_pci_release() finds it after
 * a crash. Already bound to a VFIO driver: the binding stays as it is.
 * For dma=none, and unless VFIO's no-IOMMU mode is to be had, it is
 * uio_pci_generic instead, and the type of its IOMMU group becomes "identity"
 * until it is released.
 * Loads the driver's module when it is missing. Blocks while the earlier
 * driver lets go. Thread-safe; one function is worked on by one caller at a
 * time.
 * Return: 0; -EBUSY (the host needs it, or another process owns it),
 * -EINVAL (a bridge), -ENODEV (no such function, or no IOMMU group), -EACCES
 * (not root), or the kernel's answer. On error the earlier driver is back;
 * if even that failed, the sentence says so and the record stays.
 */
int moat_host_pci_bind(const struct moat_host *host, struct moat_bdf bdf,
		       unsigned int flags, bool *ret_bound,
		       struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_host_pci_bind_stay() - the same, but owned by nobody
 *
 * It stays bound until it is released by its address: `moat bind`.
 */
int moat_host_pci_bind_stay(const struct moat_host *host, struct moat_bdf bdf,
			    unsigned int flags, bool *ret_bound,
			    struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_host_pci_release() - put back the driver that bind recorded
 *
 * Never waits for a process to close the device: that is -EBUSY, with the
 * process named. One exception: while the calling process itself has the
 * function's group open, which it must for the group's other members, the
 * release is put off and 0 returned; it then happens with the last of them,
 * or in moat_host_pci_release_own(). And one taken for dma=none waits on no
 * driver, 0 returned, while the type of its group is needed by others of it.
 * Return: 0, -ENOENT when nothing is recorded for it, -EBUSY when a living
 * process still uses it, or the kernel's answer; then the record stays.
 */
int moat_host_pci_release(const struct moat_host *host, struct moat_bdf bdf,
			  struct moat_err *err)
	__attribute__((visibility("default")));

/**
 * moat_host_pci_release_own() - give back all that this process still owns
 *
 * For the end of the program, when no VFIO file is open any more. Goes on
 * after a failure. Return: 0, or the first failure.
 */
int moat_host_pci_release_own(const struct moat_host *host,
			      struct moat_err *err)
	__attribute__((visibility("default")));

/** moat_host_pci_recorded() - the functions with a record; caller frees */
int moat_host_pci_recorded(const struct moat_host *host,
			   struct moat_bdf **ret_bdfs, size_t *ret_n,
			   struct moat_err *err)
	__attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif
#endif /* MOAT_HOST_PCI_H */
