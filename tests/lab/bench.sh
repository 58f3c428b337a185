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
			grep -F "\"quantity\":\"$quantity\"" > /dev/null ||
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

# To that one it is, and then it is there.
"$bench" dma -device "host=$nvme,managed=on" -ways iommu-2M -rounds 1 -time 1 \
	-write moat0 -block 4K -depth 1 -json "$work/write.json" \
	> "$work/write.log" 2>&1
measured write throughput \
	'op=write dma=iommu pages=2M node=near block=4096 depth=1'
has "$work/write.json" '"write":"moat0"' '"time":"1"' '"ways":"iommu-2M"'
perl -e 'use integer;
	my $value = 1;
	for (1 .. 4096 / 8) {
		$value = $value * 6364136223846793005 + 1442695040888963407;
		print pack "q", $value;
	}' > "$work/noise"
echo "$nvme" > /sys/bus/pci/drivers/nvme/bind
dd if="/dev/$(disk_of "$nvme")" of="$work/written" bs=4096 count=1 \
	iflag=direct 2> "$work/dd.log"
cmp "$work/noise" "$work/written" || fail 'the disk has something else'
echo "$nvme" > /sys/bus/pci/drivers/nvme/unbind
given_back "$nvme" ''

# Killed while the disk writes to its memory: the parent has that still, and
# the disk does not master the bus any more when it lets go.
"$bench" dma -device "host=$nvme,managed=on" -ways none -rounds 10000 -time 50 \
	-block 128K -depth 32 > "$work/killed.log" 2>&1 &
parent=$!
in_time masters_bus "$nvme" || fail 'the disk does nothing'
child=$(awk -v parent=$parent '$4 == parent { print $1 }' /proc/[0-9]*/stat 2>/dev/null) || :
kill -KILL "$child"
status=0
wait $parent || status=$?
is 'status of the killed' "$status" 1
has "$work/killed.log" 'killed by signal 9' "moat release $nvme"
! masters_bus "$nvme" || fail 'the disk masters the bus still'
"$moat" release "$nvme"
given_back "$nvme" ''

targets=type1,vtd
[ ! -e /dev/iommu ] || targets+=,iommufd
"$bench" map -device "host=$edu,managed=on" -targets "$targets" -rounds 2 \
	-sizes 1M,16M -populate 16M > "$work/map.log" -json "$work/map.json" 2>&1
for target in ${targets//,/ }; do
	for pages in 4K thp 2M; do
		measured map map "target=$target pages=$pages size=16777216"
	done
done
measured map outside-kernel 'target=type1 pages=2M size=16777216'
measured map populate 'pages=4K size=16M threads=2'
has "$work/map.json" '"name":"pages=2M size=1048576"' \
	'"no multiple of the page'\''s size"' \
	'"pages=1G"' '"no huge pages of that size are free"' \
	'pages=thp size=16M threads=2 / threads=1'
given_back "$edu" ''

# The pin of what is on a bus of its own is not wired in the lab.
"$bench" irq -device "host=$edu,managed=on" -rounds 2 -count 5 \
	-json "$work/edu.json" > "$work/edu.log" 2>&1
"$bench" irq -device "host=$nvme,managed=on" -irqs msix,polled -rounds 2 \
	-count 5 -json "$work/nvme.json" > "$work/nvme.log" 2>&1
for way in edu/intx edu/msi nvme/msix nvme/polled; do
	for cpu in pinned free; do
		measured "${way%/*}" round-trip "device=${way%/*} irq=${way#*/} cpu=$cpu"
	done
done
has "$work/edu.log" 'not measured: device=edu irq=msix'
given_back "$edu" ''
given_back "$nvme" ''
is 'IOMMU faults' "$(faults)" 0
say 'benchmarks: dma, map, irq'
