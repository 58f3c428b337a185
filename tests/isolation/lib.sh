# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the isolation tests share; sourced by them after the lab's lib.sh is
# (by this), once moat_lab_test has booted the machine with iomem=relaxed. An
# attack in a guest prints the fault that the IOMMU owes for it, as a line
# "fault Write|Read ADDRESS REASON"; the reason is in hexadecimal.

# shellcheck source=../lab/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lab/lib.sh"

# The other edu, which tests/isolation/CMakeLists.txt adds.
export edu2=0000:00:0b.0
probe=$build/tests/isolation/probe

# item N TEXT: what has been shown
item() { echo "isolation item $1: $2"; }

# Records of the unit's faults go to $work/faults.log until records_end.
records_begin() {
	"$build/tests/isolation/faultlog" > "$work/faults.log" 2>&1 &
	faultlog=$!
	in_time grep -q ready "$work/faults.log" || fail 'faultlog is not ready'
	faults_before=$(faults)
}

# faults_are N: so many have been counted, and recorded?
faults_are() {
	[ "$(faults_since "$faults_before")" -ge "$1" ] &&
		[ "$(grep -cE '^(fault|missed) ' "$work/faults.log")" -ge "$1" ]
}

# records_end OWED DEVICE: what was recorded are the faults that the file OWED
# tells of, in its order, all of DEVICE, and no others.
records_end() {
	# shellcheck disable=SC2094 # read before it is written
	while read -r word kind addr reason; do
		[ "$word" != fault ] || printf 'fault %s 0x%x %s %s\n' "$kind" \
			$((addr & ~0xfff)) "$reason" "${2#0000:}"
	done < "$1" > "$work/owed"
	# They come after what the guest sees of them.
	in_time faults_are "$(wc -l < "$work/owed")" || :
	kill "$faultlog"
	wait "$faultlog" || :
	! grep '^missed' "$work/faults.log" ||
		fail 'faults came faster than they can be read'
	grep '^fault ' "$work/faults.log" > "$work/recorded" || :
	diff "$work/owed" "$work/recorded" ||
		fail 'the faults recorded are not those owed'
	is 'faults counted' "$(faults_since "$faults_before")" \
		"$(wc -l < "$work/owed")"
}

# probe_run NAME ARGUMENT...: the probe with edu; as many faults as it says
probe_run() {
	local name=$1 before

	shift
	before=$(faults)
	"$probe" "$edu" "$@" > "$work/$name.log" 2>&1 || fail "probe: status $?"
	is "faults of probe $*" "$(faults_since "$before")" \
		"$(grep -c '^fault ' "$work/$name.log")"
	! masters_bus "$edu" || fail 'edu is left a bus master'
	grep 'isolation item' "$work/$name.log"
}

# attackers NAME SCRIPT [moat option]...: guest_start with what attacks from in
# there, and GUEST_MORE
attackers_start() {
	local file files

	files="$(dirname "${BASH_SOURCE[0]}")/guest.sh:/bin/guest.sh ${GUEST_MORE:-}"
	for file in nvme pci secret; do
		files="$files $build/tests/lab/$file:/bin/$file"
	done
	GUEST_ADD=$files guest_start "$@"
}

attackers() {
	attackers_start "$@"
	wait "$guest" || fail "moat run: status $?"
	has "$work/$1.log" 'guest: status 0'
}

# host_address PID GUEST_ADDRESS: where a page of a guest's RAM is, below
# 3 GiB; the RAM is one memfd
host_address() {
	local start entry

	start=$(sed -n 's/^\([0-9a-f]*\)-.* \/memfd:.*/\1/p' "/proc/$1/maps" |
		head -n 1)
	[ -n "$start" ] || fail "process $1 has no memfd mapped"
	entry=$(dd if="/proc/$1/pagemap" bs=8 count=1 status=none \
		skip=$(((0x$start + $2) / 4096)) | od -An -tu8)
	printf '0x%x\n' $(((entry & ((1 << 55) - 1)) * 4096))
}
