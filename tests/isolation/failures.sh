#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue items 54 and 60: each ioctl of VFIO's and iommufd's that moat makes
# for a guest with two devices fails once, from the first to the last. Either
# the guest runs all the same, or moat says what failed, with the errno; and
# then the host is as it was.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

tiny=$build/tests/isolation/tiny
fail_ioctl=$build/tests/isolation/fail-ioctl
free=/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages
echo 32 > "${free/free/nr}"
command=("$moat" run -kernel "$tiny" -m 32M -hugepages 2M -serial "file:$work/serial"
	-no-reboot -iommu "${MOAT_IOMMU:-type1}" -pcidevice "host=$edu,managed=on"
	-pcidevice "host=$edu2")

state() {
	ls -l /sys/bus/pci/devices/*/driver
	grep . /sys/bus/pci/devices/*/driver_override
	find /run/moat -type f 2>/dev/null || :
	cat "$free"
	pgrep -x moat || :
	for device in "$edu" "$edu2"; do
		! masters_bus "$device" || echo "$device masters the bus"
		echo "$device: $("$build/tests/lab/pci" "$device" cfg 4.2)"
	done
}

# attempt N ERRNO: sets status, count and request
attempt() {
	status=0
	"$fail_ioctl" "$work/report" "$1" "$2" "${command[@]}" \
		2> "$work/err.log" < /dev/null || status=$?
	read -r count request < "$work/report"
}

"$moat" bind "$edu2"
attempt 0 0
is 'status when nothing fails' "$status" 0
total=$count
[ "$total" -ge 30 ] || fail "only $total ioctls"
before=$(state)
said=0 went_on=0
for ((n = 1; n <= total; n++)); do
	error=5 text='Input/output error'
	[ $((n % 2)) = 0 ] || error=12 text='Cannot allocate memory'
	attempt "$n" "$error"
	becomes "the host after ioctl $n ($request) failed" "$before" state
	case $status in
	0) went_on=$((went_on + 1)) ;;
	1)
		# Of a map the kernel says ENOMEM where a limit is meant.
		grep -qE "^moat: .*($text|out of memory|locked-memory limit)" \
			"$work/err.log" ||
			fail "ioctl $n ($request): $(cat "$work/err.log")"
		said=$((said + 1))
		;;
	*) fail "ioctl $n ($request): status $status" ;;
	esac
	echo "$n $request $status $(tail -n 1 "$work/err.log")" >> "$work/all.log"
done
attempt 0 0
is 'status afterwards' "$status" 0
cat "$work/all.log"
"$moat" release
is 'IOMMU faults' "$(faults)" 0
if dmesg | grep -E 'WARNING:|BUG:|Call Trace'; then fail 'the host complains'; fi
[ "$said" -ge 20 ] || fail "only $said failures counted for anything"
item 54 "of $total ioctls, $said failed with a message, $went_on without harm; the host was as before each time"
item 60 'the errno was in the message'
say 'each ioctl may fail'
