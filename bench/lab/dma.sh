#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lab: --mem 6G
#
# moat-bench dma on the lab's NVMe disk: every block size and depth, near and
# far; then the two that matter held against each other, pair by pair.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

echo "$nvme" > /sys/bus/pci/drivers/nvme/unbind
reserve 2048 512 || fail 'no room for huge pages'
device=host=$nvme,managed=on

"$bench" dma -device "$device" -block 128K -depth 32 -ways iommu-2M,none \
	-rounds "${BENCH_ROUNDS:-$(either 60 6)}" -time "$(either 100 20)" \
	-json "$LAB_OUT/dma-fence.json"
"$bench" dma -device "$device" -nodes near,far -block "$(either \
	4K,16K,64K,128K,256K,1M 4K,128K,1M)" -depth "$(either 1,8,32,64 1,32)" \
	-rounds "${BENCH_ROUNDS:-$(either 8 2)}" -time "$(either 50 20)" -json "$LAB_OUT/dma.json"
is 'IOMMU faults' "$(faults)" 0
