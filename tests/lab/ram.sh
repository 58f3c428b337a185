#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# RAM of 1 GiB, and RAM around the MMIO hole: DMA reaches the pages above
# 4 GiB, and the guest sees as much memory as it was given.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$moat" bind "$edu"

# ram NAME MEGABYTES DMA_ADDR: a page of the guest at DMA_ADDR is reached
ram() {
	cat > "$work/$1" <<-END
	. lib.sh
	edu \$(find_pci 0x1234:0x11e8) roundtrip $3
	awk '/MemTotal/ { print "megabytes:", int(\$2 / 1024) }' /proc/meminfo
	END
	guest "$1" "$work/$1" -m "$2M" -pcidevice "host=$edu" -timeline "$work/timeline"
	has "$work/$1.log" 'roundtrip: ok'
	got=$(sed -n 's/^megabytes: //p' "$work/$1.log")
	# The kernel keeps some of it for itself.
	if [ "$got" -lt $(($2 * 9 / 10)) ] || [ "$got" -gt "$2" ]; then
		fail "a guest of $2 MiB sees $got"
	fi
}

ram one-gib 1024 0x20000000
ram over-hole 3200 0x100000000
is 'IOMMU faults' "$(faults)" 0
# The kernel maps without looking up: a GiB at a time, or a signal would wait.
has "$work/timeline" '"calls": 4'

# Asked for and not there: a message with the remedy, and no guest.
if "$moat" run -kernel "$guest_kernel" -m 1G -hugepages 2M 2> "$work/huge.err"; then
	fail 'ran on huge pages that are not there'
fi
has "$work/huge.err" 512 nr_hugepages
say 'RAM of 1 GiB and of 3200 MiB, all of it reached'
