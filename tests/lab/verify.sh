#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# moat run -verify: the tables that VT-d walks are read back and are the
# guest's RAM, in pages of 4 KiB and of 2 MiB, through both of the kernel's
# interfaces, with one device and with two. When somebody has mapped one page
# more, or there are too many to be read back, or the kernel shows none, the
# guest does not start.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$moat" bind "$edu" "$nic"
echo 2100 > /proc/sys/vm/nr_hugepages

cat > "$work/script" <<'SCRIPT'
echo started
SCRIPT

# verified NAME [moat option]...: a guest that starts
verified() {
	guest "$1" "$work/script" -v -verify "${@:2}"
	has "$work/$1.moat.log" 'verified:'
	sed -n "s/^moat: verified/* $1/p" "$work/$1.moat.log"
}

# refused NAME TEXT [moat option]...: one that does not
refused() {
	guest_start "$1" "$work/script" -v -verify "${@:3}"
	! wait "$guest" || fail "$1: the guest started"
	has "$work/$1.moat.log" "$2"
	! grep -q started "$work/$1.log" 2>/dev/null || fail "$1: the guest ran"
}

verified small -m 128M -hugepages off -pcidevice "host=$edu"
verified large -m 4G -hugepages 2M -pcidevice "host=$edu" \
	-pcidevice "host=$nic"
has "$work/large.moat.log" ' 2048 pages'
MOAT_IOMMU=type1 verified type1 -m 256M -hugepages 2M \
	-pcidevice "host=$edu"

# leaves: how many pages edu's tables have, of whatever size; a line each
leaves() {
	grep -c '^0x[0-9a-f]*[[:blank:]]*|' \
		/sys/kernel/debug/iommu/intel/"$edu"/domain_translation_struct
}
cat > "$work/lasts" <<'SCRIPT'
echo started
read -r _ < /dev/console
SCRIPT
# small_or_large NAME PAGES [moat option]...
small_or_large() {
	guest_start "$1" "$work/lasts" -v -verify -m 64M -hugepages 2M \
		-pcidevice "host=$edu" "${@:3}"
	guest_says "$1" started
	is "pages in the tables of $1" "$(leaves)" "$2"
	kill "$guest"
	wait "$guest" || fail "moat run: status $?"
}
small_or_large pages-4k $((64 << 8)) -iommu-pages 4K
small_or_large pages-auto 32 -iommu-pages auto

refused many 'too many to be read back' -m 1G -hugepages off \
	-pcidevice "host=$edu"

# Whoever has the same /dev/iommu can map into the guest's address space.
cdev=/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$edu/vfio-dev")
exec 7<>/dev/iommu 8<>"$cdev"
coproc TAMPER { exec "$build/tests/lab/tamper" 7 0x200000000; }
# shellcheck disable=SC2153 # coproc sets it
tamper=$TAMPER_PID
read -r said <&"${TAMPER[0]}"
is 'what the insider says' "$said" ready
MOAT_IOMMU='' refused tampered 'the tables map 0x200000000-0x200000fff' \
	-m 128M -hugepages off -iommufd fd=7 -pcidevice "host=$edu,fd=8"
kill "$tamper" || fail 'the insider is gone'
# It has their files as well.
wait "$tamper" || :
exec 7>&- 8>&-
is 'IOMMU faults' "$(faults)" 0

# A kernel that does not show its tables.
umount /sys/kernel/debug
refused hidden 'needs CONFIG_IOMMU_DEBUGFS and CONFIG_INTEL_IOMMU_DEBUGFS' \
	-m 128M -pcidevice "host=$edu"
say 'the IOMMU maps what the guest has, and nothing else'
