#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What dma=none is refused for, word for word, and that nothing on the host
# has changed by it.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=none-lib.sh
. "$(dirname "$0")/none-lib.sh"

state() {
	readlink /sys/bus/pci/devices/*/driver
	grep . /sys/bus/pci/devices/*/driver_override
	grep . /sys/kernel/iommu_groups/*/type 2>/dev/null || :
	find /run/moat -type f 2>/dev/null || :
	free_huge_pages
}

# refuses MESSAGE [command in front of moat]...
refuses() {
	local message=$1 status=0 before

	shift
	before=$(state)
	"$@" "$moat" run -kernel "$guest_kernel" -m "${size:-128M}" \
		-pcidevice "host=$nic,dma=none,managed=on" "${options[@]}" \
		> "$work/out" 2> "$work/err" < /dev/null || status=$?
	grep -v warning: "$work/err" > "$work/said" || :
	is "message with $*" "$(cat "$work/said")" "moat: $message"
	is "status with $*" "$status" 1
	is "the host after $*" "$(state)" "$before"
}

pages=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
options=()
without=(setpriv --bounding-set)

noiommu=/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
if [ -e $noiommu ]; then
	refuses "$nic has no IOMMU in front of it, and VFIO's mode for that is off; if every guest is trusted, switch it on with: echo Y > $noiommu"
	echo Y > $noiommu
fi
huge_pages 0 0
options=(-place off)
refuses "guest RAM needs 64 huge pages of 2 MiB, 0 are free, 64 are missing; reserve them with: echo 64 > $pages"
options=(-place node=0)
refuses "guest RAM needs 64 huge pages of 2 MiB, 0 are free on node 0, 64 are missing; reserve them with: echo 64 > $huge/node0/hugepages/hugepages-2048kB/nr_hugepages"
# There are enough, on another node than is asked for.
huge_pages 0 64
refuses "guest RAM needs 64 huge pages of 2 MiB, 0 are free on node 0, 64 are missing; reserve them with: echo 64 > $huge/node0/hugepages/hugepages-2048kB/nr_hugepages"
huge_pages 100 0
options=(-hugepages off)
refuses 'dma=none needs guest RAM in huge pages; leave -hugepages off away'
options=(-mem-path /dev/shm)
refuses '-mem-path /dev/shm: dma=none needs a directory of hugetlbfs'
options=()
refuses 'the kernel hides where guest RAM is (/proc/self/pagemap): dma=none needs CAP_SYS_ADMIN; run as root' \
	"${without[@]}" -sys_admin
if [ -w /proc/sys/kernel/io_uring_disabled ]; then
	echo 2 > /proc/sys/kernel/io_uring_disabled
	refuses 'dma=none pins guest RAM with io_uring, which is forbidden here; allow it with: sysctl kernel.io_uring_disabled=0'
	echo 0 > /proc/sys/kernel/io_uring_disabled
fi
if [ -e $noiommu ]; then
	refuses "$nic: opening /dev/vfio/noiommu-0: Operation not permitted; dma=none needs CAP_SYS_RAWIO, run as root" \
		"${without[@]}" -sys_rawio
fi

# A page that has gone elsewhere by when it is looked at again: a device must not get
# near the one that is there now.
before=$(state)
status=0
"$build/tests/isolation/misplace" 2 timeout 60 "$moat" run -kernel "$guest_kernel" \
	-m 128M -pcidevice "host=$nic,dma=none,managed=on" \
	> "$work/out" 2> "$work/err" < /dev/null || status=$?
cat "$work/err"
is "status with a page elsewhere" "$status" 1
grep -qE "^moat: .*the page for address 0x[0-9a-f]+ is at 0x[0-9a-f]+ on the host: a device with dma=none would use somebody else's memory in its place" \
	"$work/err" || fail 'it does not say which page'
is "the host after that" "$(state)" "$before"

# Every other page: more pieces than a guest's memory map takes.
huge_pages 300 0
coproc SCATTER { "$build/tests/lab/pages" scatter 40 98; }
# shellcheck disable=SC2153 # coproc sets it
scatter_in=${SCATTER[1]} scatter_pid=$SCATTER_PID
read -r _ <&"${SCATTER[0]}"
size=276M refuses "guest RAM of 276 MiB lies in 99 pieces of the host's memory, and a guest's memory map takes 96; reserve larger pages at boot, before memory is in pieces: hugepagesz=1G hugepages=1 on the host's kernel command line, and -hugepages 1G"
echo >&"$scatter_in"
wait "$scatter_pid"
say 'what dma=none lacks is said with what provides it, and nothing changes'
