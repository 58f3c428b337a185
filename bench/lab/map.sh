#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lab: --mem 12G --kernel full --append hugepagesz=1G --append hugepages=2
#
# moat-bench map: up to 4 GiB by each of the kernel's interfaces and the
# software unit, and 2 GiB populated by one thread, two, and so on, up to all
# processors; then, once, all sizes up to the memory that is free.
#
# The full kernel has pages of 1 GiB from its start or not at all.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

reserve 2048 "$(either 2112 96)" || fail 'no room for huge pages'
reserve 1048576 2 || say 'no huge pages of 1 GiB'
cpus=$(nproc) threads=1
for ((n = 2; n < cpus; n *= 2)); do threads+=,$n; done
[ "$cpus" = 1 ] || threads+=,$cpus

"$bench" map -device "host=$edu,managed=on" -threads "$threads" \
	-sizes "$(either 1M,32M,1G,4G 1M,32M)" -populate "$(either 2G 64M)" \
	-rounds "${BENCH_ROUNDS:-$(either 10 2)}" -json "$LAB_OUT/map.json"
"$bench" map -device "host=$edu,managed=on" -threads 1 \
	-pages "$(either 4K,thp,2M,1G 2M)" -populate "$(either 4G 64M)" \
	-rounds 1 -json "$LAB_OUT/map-all.json"
