/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine: everything that one `moat run` owns, built in one order and
 * taken down in its reverse:
 *
 *	VM -> RAM -> platform -> devices (RAM is populated while they open)
 *	-> vCPUs -> kernel loaded
 */
#ifndef MOAT_VMM_MACHINE_H
#define MOAT_VMM_MACHINE_H

#include <moat/err.h>

#include "vmm-glue/options.h"

struct machine;

/**
 * machine_create() - build the machine, up to its first instruction
 *
 * All that bad input can make fail comes before it touches a device. On
 * error the host is as it was.
 */
int machine_create(const struct run_options *opts, struct machine **ret_machine,
		   struct moat_err *err);

/**
 * machine_run() - start the vCPUs; return when the guest is off
 *
 * A guest's reset resets the devices and boots again, or ends like power-off
 * under -no-reboot. SIGTERM, SIGINT and SIGHUP end it in order.
 * Return: 0 after power-off or an ordered end; a negative errno with what
 * happened and where when a vCPU or device died.
 */
int machine_run(struct machine *machine, struct moat_err *err);

/** machine_destroy() - NULL is fine; the host is as it was before */
void machine_destroy(struct machine *machine);

#endif /* MOAT_VMM_MACHINE_H */
