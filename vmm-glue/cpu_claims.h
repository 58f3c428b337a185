/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs that guests have for themselves, machine-wide, so that the next guest
 * is given others.
 */
#ifndef MOAT_VMM_CPU_CLAIMS_H
#define MOAT_VMM_CPU_CLAIMS_H

#include <moat/set.h>

struct moat_host;

/**
 * cpu_claims_open() - look at the claims, and keep others from making any
 * @host:     NULL: this machine
 * @ret_busy: CPUs that other processes claim
 *
 * Waits while another process is between opening and settling.
 * Return: a file descriptor that holds claims, or a negative errno when this
 * process may not claim any; then @ret_busy is what can be seen all the same.
 */
int cpu_claims_open(const struct moat_host *host, struct moat_set *ret_busy);

/** cpu_claims_look() - the claims, without making any */
void cpu_claims_look(const struct moat_host *host, struct moat_set *ret_busy);

/**
 * cpu_claims_settle() - claim @cpus, until @fd is closed, and let others go on
 * @cpus: NULL: none
 */
void cpu_claims_settle(int fd, const struct moat_set *cpus);

#endif /* MOAT_VMM_CPU_CLAIMS_H */
