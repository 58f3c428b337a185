# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the lab's test scripts share; sourced by them. They run in the lab
# machine as root, under tests/lab/lab, with MOAT_BUILD naming the build
# directory. A test passes when its script reaches its end.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${MOAT_BUILD:?names the build directory}
moat=$build/moat
work=$(mktemp -d)
# Under emulation a bzImage takes seconds to unpack itself.
guest_kernel=${LAB_VMLINUX:-$LAB_KERNEL}
# The lab's devices: see tests/lab/lab --help.
export edu=0000:00:05.0 nic=0000:00:07.0 nvme=0000:81:00.0

on_exit() {
	local status=$?

	# A moat left behind by a failing test would hold the machine's end up.
	jobs -p | xargs -r kill 2>/dev/null || :
	if [ "$status" != 0 ]; then
		echo "FAILED with status $status: ${0##*/}"
		for log in "$work"/*.log; do
			[ ! -s "$log" ] || { echo "--- ${log##*/}"; tail -n 60 "$log"; }
		done
		echo '--- end of dmesg'
		dmesg | tail -n 15
	fi
}
trap on_exit EXIT

say() { echo "* $*"; }
fail() { echo "FAIL: $*"; exit 1; }

# is WHAT GOT WANT
is() { [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"; }

# in_time COMMAND...: until it succeeds, for a minute: what has happened may be
# seen late on a slow machine. Its status is COMMAND's.
in_time() {
	local end=$((SECONDS + 60))

	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# prints WANT COMMAND...: is that its output?
prints() {
	local want=$1

	shift
	[ "$("$@")" = "$want" ]
}

# becomes WHAT WANT COMMAND...: its output, sooner or later
becomes() {
	in_time prints "${@:2}" || is "$1" "$("${@:3}")" "$2"
}

# has FILE TEXT...: each TEXT is in FILE
has() {
	local file=$1 text

	shift
	for text in "$@"; do
		grep -qF -- "$text" "$file" || fail "no '$text' in ${file##*/}"
	done
}

driver_of() {
	local link=/sys/bus/pci/devices/$1/driver

	[ ! -e "$link" ] || basename "$(readlink "$link")"
}

# given_back DEVICE DRIVER: as the host had it, and nothing recorded of it
given_back() {
	is "driver of $1" "$(driver_of "$1")" "$2"
	is "driver_override of $1" \
		"$(cat "/sys/bus/pci/devices/$1/driver_override")" '(null)'
	is "records of $1" "$(find /run/moat -type f 2>/dev/null)" ''
}

# The device's COMMAND register has bus mastering on?
masters_bus() {
	local command

	command=$(od -An -tu2 -j4 -N2 "/sys/bus/pci/devices/$1/config")
	[ $((command & 4)) != 0 ]
}

# disk_of BDF: the disk of an NVMe, which its driver may have to find first
disk_of() {
	local disk

	in_time has_disk "$1" || fail "$1 has no disk"
	disk=$(echo "/sys/bus/pci/devices/$1"/nvme/nvme*/nvme*n1)
	echo "${disk##*/}"
}

has_disk() { [ -e "$(echo "/sys/bus/pci/devices/$1"/nvme/nvme*/nvme*n1)" ]; }

# mount_disk [OPTION]...: the host's view of the NVMe, on /mnt
mount_disk() {
	grep -qw ext4 /proc/filesystems || modprobe ext4
	in_time test -b /dev/nvme0n1 || fail 'no /dev/nvme0n1'
	mount -t ext4 "$@" /dev/nvme0n1 /mnt
}

# How many faults the VT-d units have reported: exact up to ten a second,
# where the kernel's messages are rate-limited.
faults() {
	awk '/dmar[0-9]/ { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i }
	     END { print n + 0 }' /proc/interrupts
}

# faults_since BEFORE: how many more they are than they were then
faults_since() { echo $(($(faults) - $1)); }

# logged PATTERN: does the kernel's log have it?
logged() { dmesg | grep -E -- "$1" > /dev/null; }

# fault_logged DEVICE Read|Write ADDR REASON: the kernel said so. Addresses
# are said by page.
fault_logged() {
	local bdf=${1#0000:} page

	page=$(printf '0x%x' $(($3 & ~0xfff)))
	in_time logged "DMAR: \[DMA $2 [^]]*\] Request device \[$bdf\] fault addr $page \[fault reason 0x$4\]" ||
		fail "no $2 fault of $bdf at $page with reason $4 in dmesg"
}

# guest_start NAME SCRIPT [moat option]...: a guest that runs SCRIPT, with
# COM1 in $work/NAME.log and moat's own words in $work/NAME.moat.log; its
# process is $guest. GUEST_ADD names more files for it, as mkinitrd --add
# wants them; GUEST_APPEND is added to its command line; with GUEST_RESETS set
# a guest's reset boots it again. GUEST_KERNEL is its kernel instead of
# $guest_kernel. MOAT_IOMMU chooses moat's -iommu.
guest_start() {
	local name=$1 script=$2 add=() reset=(-no-reboot)

	shift 2
	[ -z "${GUEST_RESETS:-}" ] || reset=()
	[ -z "${MOAT_IOMMU:-}" ] || set -- "$@" -iommu "$MOAT_IOMMU"
	for file in ${GUEST_ADD:-}; do add+=(--add "$file"); done
	"$here/mkinitrd" --script "$script" "${add[@]}" \
		--add "$build/tests/lab/edu:/bin/edu" \
		--add "$here/guest/lib.sh:/bin/lib.sh" -o "$work/$name.cpio"
	"$moat" run -kernel "${GUEST_KERNEL:-$guest_kernel}" \
		-initrd "$work/$name.cpio" \
		-append "console=ttyS0 quiet panic=-1 ${LAB_QUICK:-} ${GUEST_APPEND:-}" \
		-serial "file:$work/$name.log" "${reset[@]}" "$@" \
		2> "$work/$name.moat.log" < /dev/null &
	guest=$!
}

# guest_says NAME TEXT: wait until the guest has printed it; the rest of its
# line may come later. With no process for each look: it would take the guest's
# time.
guest_says() {
	local end=$((SECONDS + 240)) never said=''

	exec {never}<> <(:) # nobody writes to it
	while [ $SECONDS -lt $end ]; do
		! read -r -d '' said 2>/dev/null < "$work/$1.log" || :
		[[ $said != *"$2"* ]] || { exec {never}>&-; return 0; }
		kill -0 "$guest" 2>/dev/null || fail "moat ended before '$2'"
		read -r -t 0.1 _ <&"$never" || :
	done
	fail "the guest did not print '$2'"
}

# guest NAME SCRIPT [moat option]...: as above, to its end, which must be a
# power-off with the script's status 0.
guest() {
	guest_start "$@"
	wait "$guest" || fail "moat run: status $?"
	has "$work/$1.log" 'guest: status 0'
}

# canary MIN_ADDR: a page of the host at MIN_ADDR or above; sets
# $canary_addr and $canary_secret. canary_stands checks it at the end.
canary() {
	coproc CANARY { "$build/tests/lab/canary" "$1"; }
	# shellcheck disable=SC2153 # coproc sets it
	canary_in=${CANARY[1]} canary_pid=$CANARY_PID
	read -r canary_addr canary_secret <&"${CANARY[0]}" ||
		fail 'no canary page'
	export canary_addr canary_secret
}

canary_stands() {
	echo >&"$canary_in"
	wait "$canary_pid" || fail "the canary: status $?"
}
