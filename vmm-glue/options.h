/* SPDX-License-Identifier: GPL-2.0-or-later */
/* moat run's options: strings and numbers as given, nothing opened yet. */
#ifndef MOAT_VMM_OPTIONS_H
#define MOAT_VMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/err.h>

#include "common/opt.h"

enum hugepages { HUGEPAGES_AUTO, HUGEPAGES_OFF, HUGEPAGES_2M, HUGEPAGES_1G };

enum iommu_choice { IOMMU_AUTO, IOMMU_IOMMUFD, IOMMU_TYPE1 };

enum iommu_pages { IOMMU_PAGES_AUTO, IOMMU_PAGES_4K };

struct run_options {
	const char *kernel;
	const char *initrd; /* NULL: none */
	const char *append; /* NULL: empty */
	uint64_t mem_bytes;
	unsigned int smp;
	const char *name;
	struct opt_list pcidevice; /* raw text; the machine's init parses it */
	int hugepages;		   /* enum hugepages */
	int iommu;		   /* enum iommu_choice */
	int iommu_pages;	   /* enum iommu_pages */
	const char *iommufd;	   /* "fd=N"; NULL: not given */
	const char *mem_path;	   /* NULL: memfd */
	const char *serial;
	const char *place;    /* raw text; NULL: off */
	const char *timeline; /* NULL: none */
	bool no_reboot;
	bool force;
	bool verify;
	bool verbose;
};

extern const struct opt_table run_option_table;

/* Options that more than one command has; @field is of @struct_type. */
#define OPTION_RAM(struct_type, field)                                     \
	OPT(struct_type, field, "m", OPT_SIZE, .arg = "SIZE", .def = "1G", \
	    .help = "guest RAM, with suffix M or G")
#define OPTION_SMP(struct_type, field)                                   \
	OPT(struct_type, field, "smp", OPT_UINT, .arg = "N", .def = "1", \
	    .min = 1, .max = 255, .help = "number of vCPUs")
#define OPTION_PCIDEVICE(struct_type, field)                          \
	OPT(struct_type, field, "pcidevice", OPT_LIST, .arg = "SPEC", \
	    .help = "assign a host PCI device; 'help' explains SPEC")
#define OPTION_HUGEPAGES(struct_type, field)            \
	OPT(struct_type, field, "hugepages", OPT_ENUM,  \
	    .choices = "auto|off|2M|1G", .def = "auto", \
	    .help = "page size of guest RAM")
#define OPTION_PLACE(struct_type, field)                          \
	OPT(struct_type, field, "place", OPT_STR,                 \
	    .arg = "auto|off|node=LIST|cpus=LIST", .def = "auto", \
	    .help = "which of the host's nodes or CPUs the guest gets")

/** run_options_iommufd() - the number in -iommufd; -1: not given */
int run_options_iommufd(const struct run_options *opts, int *ret_fd,
			struct moat_err *err);

#endif /* MOAT_VMM_OPTIONS_H */
