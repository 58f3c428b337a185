// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * May this function be assigned? The rules, and the sentences for each no.
 *
 * An IOMMU tells devices apart by group only: functions of one group can
 * reach each other behind its back. So a group is given away whole, or not
 * at all. Source: Linux Documentation/driver-api/vfio.rst, "Groups,
 * Devices, and IOMMUs".
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <moat/host_pci.h>

#include "assign/host_pci_internal.h"
#include "assign/quirks.h"
#include "assign/unfenced.h"
#include "common/vfio_driver.h"

/*
 * Endpoints by their header, but parts of the machine itself: what carries
 * the processors' own accesses. Class and subclass from PCI Code and ID
 * Assignment Specification, base class 06h; others of that class, such as
 * 0680h, may be anything.
 */
#define CLASS_HOST_BRIDGE 0x0600
#define CLASS_ISA_BRIDGE  0x0601

/* More culprits than this are counted, not named. */
#define CULPRITS_SHOWN 16

/* pci-stub holds a function in order that nobody uses it. */
static bool is_unused(const struct moat_host_pci *fn)
{
	return fn->driver[0] == '\0' || strcmp(fn->driver, "pci-stub") == 0 ||
	       moat_is_vfio_driver(fn->driver);
}

static bool in_list(struct moat_bdf bdf, const struct moat_bdf *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (moat_bdf_equal(bdf, list[i]))
			return true;
	return false;
}

static bool exists(const struct moat_host *host, const char *name)
{
	char path[PATH_MAX];

	return moat_path(path, "%s/%s", host->sysfs, name) == 0 &&
	       access(path, F_OK) == 0;
}

/* Has the kernel an IOMMU at work? */
static bool has_iommu(const struct moat_host *host)
{
	const struct dirent *entry;
	char path[PATH_MAX];
	bool any = false;
	DIR *d;

	if (moat_path(path, "%s/class/iommu", host->sysfs) < 0)
		return false;
	d = opendir(path);
	if (!d)
		return false;
	while (!any && (entry = readdir(d)))
		any = entry->d_name[0] != '.';
	(void)closedir(d);
	return any;
}

int host_pci_no_group(const struct moat_host *host, struct moat_bdf bdf,
		      struct moat_err *err)
{
	char addr[MOAT_BDF_STRLEN];
	const char *why;

	if (has_iommu(host))
		why = "this machine's IOMMU does not cover it";
	else if (exists(host, "firmware/acpi/tables/DMAR"))
		why = "VT-d is there but not in use; boot the host with "
		      "intel_iommu=on";
	else if (exists(host, "firmware/acpi/tables/IVRS"))
		why = "AMD-Vi is there but not in use; boot the host without "
		      "amd_iommu=off and iommu=off";
	else
		why = "the firmware shows no IOMMU; turn VT-d, AMD-Vi or "
		      "IOMMU on in its setup";
	return moat_fail(err, -ENODEV,
			 "%s has no IOMMU group, so nothing would fence its "
			 "DMA: %s",
			 moat_bdf_str(bdf, addr), why);
}

int host_pci_needed(const struct moat_host_pci *fn, struct moat_err *err)
{
	char addr[MOAT_BDF_STRLEN];

	return moat_fail(err, -EBUSY,
			 "%s is in use by the host: %s; end that first, or "
			 "take the device all the same with --force",
			 moat_bdf_str(fn->bdf, addr), fn->in_use);
}

/* Append to a string in a fixed buffer; what does not fit is left out. */
static void append(char *buf, size_t size, const char *a, const char *b,
		   const char *c)
{
	size_t len = strlen(buf);

	(void)snprintf(buf + len, size - len, "%s%s%s", a, b, c);
}

/* Members of the group that stand in the way: kept at the array's start. */
static size_t keep_culprits(struct moat_host_pci *fns, size_t n,
			    const struct moat_host_pci *fn,
			    const struct moat_host_pci_plan *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!moat_bdf_equal(fns[i].bdf, fn->bdf) && !fns[i].is_bridge &&
		    !is_unused(&fns[i]) &&
		    !in_list(fns[i].bdf, plan->same_guest, plan->n_same_guest))
			fns[kept++] = fns[i];
	return kept;
}

static int blame(const struct moat_host_pci *fn,
		 const struct moat_host_pci *culprits, size_t n, bool managed,
		 struct moat_err *err)
{
	char names[640] = "", to_bind[160] = "", addr[MOAT_BDF_STRLEN];
	char more[24];
	size_t shown = n < CULPRITS_SHOWN ? n : CULPRITS_SHOWN;

	if (!managed && !moat_is_vfio_driver(fn->driver))
		append(to_bind, sizeof(to_bind), " ",
		       host_pci_short(fn->bdf, addr), "");
	for (size_t i = 0; i < shown; i++) {
		const char *glue = i == 0 ? "" : i + 1 == n ? " and " : ", ";

		append(names, sizeof(names), glue,
		       moat_bdf_str(culprits[i].bdf, addr), " (driver ");
		append(names, sizeof(names), culprits[i].driver, ")", "");
		append(to_bind, sizeof(to_bind), " ",
		       host_pci_short(culprits[i].bdf, addr), "");
	}
	if (shown < n) {
		(void)snprintf(more, sizeof(more), "%zu", n - shown);
		append(names, sizeof(names), " and ", more, " more");
		append(to_bind, sizeof(to_bind), " ...", "", "");
	}
	return moat_fail(err, -EBUSY,
			 "%s shares IOMMU group %d with %s, which the host "
			 "uses and no IOMMU can keep apart from it; assign "
			 "them to the same guest too, or free them: "
			 "`moat bind%s`",
			 moat_bdf_str(fn->bdf, addr), fn->iommu_group, names,
			 to_bind);
}

static int check_group(const struct moat_host *host,
		       const struct moat_host_pci *fn,
		       const struct moat_host_pci_plan *plan,
		       struct moat_err *err)
{
	struct moat_host_pci *fns;
	char addr[MOAT_BDF_STRLEN];
	size_t n;
	int r;

	r = moat_host_pci_group(host, fn->bdf, &fns, &n);
	if (r < 0)
		return moat_fail(err, r,
				 "cannot read the members of IOMMU group %d, "
				 "to which %s belongs: %s",
				 fn->iommu_group, moat_bdf_str(fn->bdf, addr),
				 strerror(-r));
	n = keep_culprits(fns, n, fn, plan);
	if (n)
		r = blame(fn, fns, n, plan->managed, err);
	free(fns);
	return r;
}

/*
 * The same for dma=none. What else must hold of a function that is on the
 * right driver already is found when it is attached.
 */
static int check_unfenced(const struct moat_host *host,
			  const struct moat_host_pci *fn, bool managed,
			  struct moat_err *err)
{
	enum unfenced_route route;
	char addr[MOAT_BDF_STRLEN];
	const char *driver;
	bool fits;
	int r;

	r = unfenced_route(host, fn, &route, err);
	if (r < 0)
		return r;
	driver = unfenced_driver(route);
	fits = route == UNFENCED_VFIO ? moat_is_vfio_driver(fn->driver)
				      : strcmp(fn->driver, driver) == 0;
	if (managed || fits)
		return 0;
	return moat_fail(err, -EBUSY,
			 "%s is bound to %s; dma=none needs it on %s: run "
			 "`moat bind --dma none %s`, or add managed=on to bind "
			 "it for this run only",
			 moat_bdf_str(fn->bdf, addr),
			 fn->driver[0] ? fn->driver : "no driver", driver,
			 addr);
}

/* The function itself: must it be taken from somebody first? */
static int check_driver(const struct moat_host_pci *fn, bool managed,
			struct moat_err *err)
{
	char addr[MOAT_BDF_STRLEN], typed[MOAT_BDF_STRLEN];

	if (managed || moat_is_vfio_driver(fn->driver))
		return 0;
	(void)moat_bdf_str(fn->bdf, addr);
	(void)host_pci_short(fn->bdf, typed);
	if (fn->driver[0] == '\0')
		return moat_fail(err, -EBUSY,
				 "%s is not bound to vfio-pci; run "
				 "`moat bind %s`, or add managed=on to bind it "
				 "for this run only",
				 addr, typed);
	return moat_fail(err, -EBUSY,
			 "%s is bound to the host's driver %s; run "
			 "`moat bind %s` to free it, or add managed=on to "
			 "take it for this run only",
			 addr, fn->driver, typed);
}

/*
 * A VFIO driver can have a physical function while others have its virtual
 * ones, and leaves it to those who trust each other. A driver of the host's
 * makes it in_use.
 */
static int check_vfs(const struct moat_host_pci *fn, bool force,
		     struct moat_err *err)
{
	char addr[MOAT_BDF_STRLEN];

	if (!fn->n_vfs || force)
		return 0;
	(void)moat_bdf_str(fn->bdf, addr);
	return moat_fail(err, -EBUSY,
			 "%s has %u virtual functions enabled, over which the "
			 "guest would decide; assign those instead, disable "
			 "them first (echo 0 > "
			 "/sys/bus/pci/devices/%s/sriov_numvfs), or take it "
			 "all the same with --force",
			 addr, fn->n_vfs, addr);
}

/* What a function has beyond itself stays with the physical one. */
static int check_quirks(const struct moat_host_pci *fn, struct moat_err *err)
{
	const struct quirk_id id = {
		.vendor = fn->vendor,
		.device = fn->device,
		.class_code = fn->class_code,
		.on_root_bus = fn->bdf.bus == 0 && !fn->is_vf,
	};
	const struct quirk *quirk = NULL;
	char addr[MOAT_BDF_STRLEN];

	while ((quirk = quirk_find(&id, quirk)))
		if (quirk->refuse)
			return moat_fail(
				err, -EINVAL, "%s is %s; it cannot be assigned",
				moat_bdf_str(fn->bdf, addr), quirk->refuse);
	return 0;
}

/*
 * Where the machine booted, the legacy VGA ranges (0xa0000 and ports 0x3b0 to
 * 0x3df) are routed, and they are nobody's BAR.
 */
static int check_boot_display(const struct moat_host_pci *fn, bool force,
			      struct moat_err *err)
{
	char addr[MOAT_BDF_STRLEN];

	if (fn->boot_display && !force)
		return moat_fail(err, -EINVAL,
				 "%s is the VGA device that the host booted "
				 "on, and its legacy VGA ranges cannot be "
				 "assigned; let the host boot on another one, "
				 "or assign it without them with --force",
				 moat_bdf_str(fn->bdf, addr));
	return 0;
}

static int check_kind(const struct moat_host_pci *fn, struct moat_err *err)
{
	uint32_t subclass = fn->class_code >> 8;
	char addr[MOAT_BDF_STRLEN];

	if (fn->is_bridge)
		return moat_fail(err, -EINVAL,
				 "%s is a bridge; only endpoints can be "
				 "assigned",
				 moat_bdf_str(fn->bdf, addr));
	if (subclass == CLASS_HOST_BRIDGE || subclass == CLASS_ISA_BRIDGE)
		return moat_fail(err, -EINVAL,
				 "%s is %s bridge of this machine, which the "
				 "host cannot do without; it cannot be "
				 "assigned",
				 moat_bdf_str(fn->bdf, addr),
				 subclass == CLASS_HOST_BRIDGE ? "a host"
							       : "the ISA");
	return 0;
}

int moat_host_pci_verdict(const struct moat_host *host,
			  const struct moat_host_pci *fn,
			  const struct moat_host_pci_plan *plan,
			  struct moat_err *err)
{
	int r;

	host = host_or_this(host);
	r = check_kind(fn, err);
	if (r == 0)
		r = check_quirks(fn, err);
	if (r == 0)
		r = check_boot_display(fn, plan->force, err);
	if (r < 0)
		return r;
	if (fn->iommu_group == MOAT_NO_GROUP && !plan->unfenced)
		return host_pci_no_group(host, fn->bdf, err);
	if (fn->in_use[0] && !plan->force)
		return host_pci_needed(fn, err);
	r = check_vfs(fn, plan->force, err);
	if (r == 0 && fn->iommu_group != MOAT_NO_GROUP)
		r = check_group(host, fn, plan, err);
	if (r < 0)
		return r;
	if (plan->unfenced)
		return check_unfenced(host, fn, plan->managed, err);
	return check_driver(fn, plan->managed, err);
}
