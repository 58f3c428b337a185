#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lab: --mem 12G
#
# moat-bench map: up to 4 GiB by each of the kernel's interfaces that there is
# and the software unit; and 2 GiB populated by one and by two threads.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

reserve 2048 "$(either 2112 96)" || fail 'no room for huge pages'
reserve 1048576 "$(either 2 0)" || say 'no huge pages of 1 GiB'
targets=type1,vtd
[ ! -e /dev/iommu ] || targets+=,iommufd

"$bench" map -device "host=$edu,managed=on" -targets "$targets" \
	-sizes "$(either 1M,32M,1G,4G 1M,32M)" -populate "$(either 2G 64M)" \
	-rounds "${BENCH_ROUNDS:-$(either 10 2)}" -json "$LAB_OUT/map.json"
