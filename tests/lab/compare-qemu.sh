#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The part of compare-qemu that runs in the lab machine.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

rounds=$1
banner='Linux version'
append='console=ttyS0 earlyprintk=ttyS0 panic=-1'
initrd=$LAB_INITRD
short=${nvme#0000:}
"$moat" bind "$nvme"

# 2 MiB pages for the largest guest, on both nodes.
reserve() {
	echo "$1" > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
	is 'huge pages' "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages)" "$1"
}

start_moat() { # MEGABYTES off|2M
	"$build/tests/lab/until" "$banner" "$moat" run -kernel "$guest_kernel" \
		-initrd "$initrd" -append "$append" -m "$1M" -hugepages "$2" \
		-timeline "$work/timeline" -pcidevice "host=$nvme"
}

start_qemu() {
	local huge=

	[ "$2" = off ] || huge=,hugetlb=on,hugetlbsize=2M
	"$build/tests/lab/until" "$banner" qemu-system-x86_64 -nodefaults \
		-no-reboot -display none -serial stdio -accel kvm -cpu host \
		-machine q35,memory-backend=m0 \
		-object "memory-backend-memfd,id=m0,size=$1M,share=on,prealloc=on,prealloc-threads=2$huge" \
		-m "$1" -kernel "$guest_kernel" -initrd "$initrd" \
		-append "$append" -device "vfio-pci,host=$short"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf '%-12s %10s %10s %7s %12s %12s\n' guest 'moat ms' 'QEMU ms' ratio \
	'moat KiB' 'QEMU KiB'
for guest in '256 off' '256 2M' '1024 2M' '4096 2M'; do
	read -r mb pages <<< "$guest"
	if [ "$pages" = 2M ]; then reserve $((mb / 2)); else reserve 0; fi
	: > "$work/moat.txt"
	: > "$work/qemu.txt"
	for _ in $(seq "$rounds"); do
		start_moat "$mb" "$pages" >> "$work/moat.txt" 2> "$work/moat.log"
		start_qemu "$mb" "$pages" >> "$work/qemu.txt" 2> "$work/qemu.log"
	done
	m=$(median < "$work/moat.txt") q=$(median < "$work/qemu.txt")
	printf '%-12s %10s %10s %7s %12s %12s\n' "${mb}M $pages" "$m" "$q" \
		"$(awk "BEGIN { printf \"%.2f\", $m / $q }")" \
		"$(cut -d ' ' -f 2 "$work/moat.txt" | median)" \
		"$(cut -d ' ' -f 2 "$work/qemu.txt" | median)"
	cp "$work/timeline" "$LAB_OUT/timeline-$mb-$pages.json"
done
