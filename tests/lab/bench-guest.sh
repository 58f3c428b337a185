#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The benchmarks in guests, with tiny counts: that they run, and that their
# files have each series. What comes out is not looked at.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

export BENCH_SHORT=1 LAB_OUT=$work

# run NAME: its messages are the log of this test
run() {
	"$here/../../bench/lab/$1.sh" > "$work/$1-bench.log" 2>&1 ||
		fail "bench/lab/$1.sh: status $?"
}

# measured FILE LABELS...: there are samples of each
measured() {
	local file=$work/$1.json labels

	shift
	has "$file" '"schema":"moat-bench/1"'
	for labels; do has "$file" "\"name\":\"$labels\""; done
}

run port
for op in read write; do
	for node in near far; do
		measured port-guest "pio=vfio node=$node op=$op" \
			"pio=direct node=$node op=$op" "pio=thread node=$node op=$op"
		measured port-host "pio=thread node=$node op=$op"
	done
	measured port-host "pio=vfio op=$op" "pio=direct op=$op"
	has "$work/port-host.json" "op=$op pio=direct / pio=vfio"
done

run trap
measured trap access=config access=bar-direct access=bar-trapped \
	access=msix-table access=mask-and-unmask
has "$work/trap.json" 'access=bar-trapped / access=bar-direct'

run irq
measured irq-edu 'device=edu irq=msi cpu=pinned'
measured irq-nvme 'device=nvme irq=msix cpu=pinned'
for how in 'edu irq=intx' 'edu irq=msi' 'nic irq=intx' 'nic irq=msi' 'nic irq=msix'; do
	measured irq-guest "device=$how vmm=moat cpu=pinned" \
		"device=$how vmm=moat cpu=free" "device=$how vmm=moat cpu=placed"
done
[ ! -x "$(command -v qemu-system-x86_64)" ] ||
	has "$work/irq-guest.json" 'device=edu irq=msi cpu=pinned vmm=moat / vmm=qemu'
say 'benchmarks in guests: port, trap, irq'
