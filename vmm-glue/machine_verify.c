// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -verify: is the fence around the devices where it should be? Asked once, in
 * the memory thread, with all mapped and no device armed yet; owns nothing.
 */
#include <errno.h>

#include <moat/log.h>

#include "common/clock.h"
#include "vmm-glue/machine_internal.h"

int machine_verify(struct machine *machine, struct moat_err *err)
{
	const uint64_t start = moat_now_ns();
	uint64_t pages = 0;
	int r;

	if (!machine->opts->verify)
		return 0;
	if (!machine->ioas)
		return moat_fail(
			err, -EINVAL,
			"-verify: there is no device whose fence could "
			"be verified");
	r = moat_ioas_verify(machine->ioas, &pages, err);
	if (r < 0)
		return moat_fail_prefix(err, r, "-verify");
	log_info("verified: the devices' tables are the guest's RAM, %llu "
		 "pages, in %llu us",
		 (unsigned long long)pages,
		 (unsigned long long)(moat_now_ns() - start) / 1000);
	return 0;
}
