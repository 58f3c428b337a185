#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every benchmark that needs no guest, with tiny counts: that it runs, that the
# devices do what it measures, and that its file has what it is to have. What
# comes out is not looked at.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

bench=$build/moat-bench

# measured FILE QUANTITY LABELS...: there are samples of each
measured() {
	local file=$work/$1.json quantity=$2 labels

	shift 2
	has "$file" '"schema":"moat-bench/1"' '"emulated":true' "$(uname -r)"
	for labels; do
		grep -A1 -F "\"name\":\"$labels\"" "$file" |
			grep -qF "\"quantity\":\"$quantity\"" ||
			fail "no $quantity of $labels in ${file##*/}"
	done
}

echo "$nvme" > /sys/bus/pci/drivers/nvme/unbind
for node in 0 1; do
	echo 8 > /sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages
done

"$bench" dma -device "host=$nvme,managed=on" -nodes near,far -rounds 2 -time 5 \
	-block 4K,128K -depth 1,32 -json "$work/dma.json" > "$work/dma.log" 2>&1
measured dma throughput \
	"op=read dma=none node=far block=4096 depth=1" \
	"op=read dma=iommu pages=4K node=near block=131072 depth=32" \
	"op=read dma=iommu pages=2M node=near block=131072 depth=32"
has "$work/dma.json" 'depth=32 dma=iommu pages=2M / dma=none' 'node=far / node=near'
is 'IOMMU faults' "$(faults)" 0
given_back "$nvme" ''

# A disk is written only to who knows its name.
! "$bench" dma -device "host=$nvme,managed=on" -rounds 1 -write other \
	-block 4K -depth 1 > "$work/refused.log" 2>&1 ||
	fail 'it wrote to a disk of another name'
has "$work/refused.log" "'other'" "'moat0'"
given_back "$nvme" ''
say 'benchmarks: dma'
