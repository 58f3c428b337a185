// SPDX-License-Identifier: GPL-2.0-or-later
/* moat run's option table: the parser, --help and the man page's check. */
#include "vmm-glue/options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"

#define RUN(field, name, type, ...) \
	OPT(struct run_options, field, name, type, __VA_ARGS__)

static const struct opt_desc run_desc[] = {
	RUN(kernel, "kernel", OPT_STR, .arg = "FILE", .required = true,
	    .help = "the guest's kernel, a Linux bzImage or vmlinux"),
	RUN(initrd, "initrd", OPT_STR, .arg = "FILE",
	    .help = "its initial RAM disk"),
	RUN(append, "append", OPT_STR, .arg = "STR", .help = "its command line"),
	OPTION_RAM(struct run_options, mem_bytes),
	OPTION_SMP(struct run_options, smp),
	RUN(name, "name", OPT_STR, .arg = "STR", .def = "moat",
	    .help = "the guest's name, for messages and thread names"),
	OPTION_PCIDEVICE(struct run_options, pcidevice),
	OPTION_PLACE(struct run_options, place),
	OPTION_HUGEPAGES(struct run_options, hugepages),
	RUN(iommu, "iommu", OPT_ENUM, .choices = "auto|iommufd|type1",
	    .def = "auto", .help = "the kernel's interface to the IOMMU"),
	RUN(iommu_pages, "iommu-pages", OPT_ENUM, .choices = "auto|4K",
	    .def = "auto",
	    .help = "page size of the IOMMU's tables: the largest, or 4 KiB"),
	RUN(iommufd, "iommufd", OPT_STR, .arg = "fd=N",
	    .help = "/dev/iommu, opened by the caller"),
	RUN(mem_path, "mem-path", OPT_STR, .arg = "DIR",
	    .help = "take guest RAM from a file in DIR (hugetlbfs or tmpfs)"),
	RUN(serial, "serial", OPT_STR, .arg = "stdio|file:PATH|pty",
	    .def = "stdio", .help = "where COM1 goes"),
	RUN(no_reboot, "no-reboot", OPT_FLAG,
	    .help = "end when the guest resets, instead of booting again"),
	RUN(force, "force", OPT_FLAG,
	    .help = "assign a device even though the host is using it"),
	RUN(verify, "verify", OPT_FLAG,
	    .help = "compare the IOMMU's tables with guest RAM before the "
		    "start"),
	RUN(timeline, "timeline", OPT_STR, .arg = "FILE",
	    .help = "write when each phase of the start was reached, as JSON"),
	RUN(verbose, "v", OPT_FLAG, .help = "say more"),
};

struct raw_iommufd {
	unsigned int fd;
};

static const struct opt_desc iommufd_desc[] = {
	OPT(struct raw_iommufd, fd, "fd", OPT_UINT, .min = 3, .max = INT_MAX,
	    .required = true),
};

static const struct opt_table iommufd_table = {
	.desc = iommufd_desc,
	.n = ARRAY_SIZE(iommufd_desc),
};

int run_options_iommufd(const struct run_options *opts, int *ret_fd,
			struct moat_err *err)
{
	struct raw_iommufd raw = { 0 };
	char *copy;
	int r;

	if (!opts->iommufd) {
		*ret_fd = -1;
		return 0;
	}
	copy = strdup(opts->iommufd);
	if (!copy)
		return moat_fail(err, -ENOMEM, "out of memory");
	r = opt_parse_keys(&iommufd_table, "-iommufd", copy, &raw, err);
	free(copy);
	if (r == 0)
		*ret_fd = (int)raw.fd;
	return r;
}

const struct opt_table run_option_table = {
	.desc = run_desc,
	.n = ARRAY_SIZE(run_desc),
};
