#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# moat audit on machines that are in order, and on such that are not: each
# finding is there when what it is about is there, and gone when that is gone.
#
#     audit.sh fenced    the usual machine, with a bridge to conventional PCI
#                        and two root ports that do not isolate
#     audit.sh bare      a machine without IOMMU, and a kernel with no-IOMMU mode
#     audit.sh exposed   interrupts are not remapped, and a device may translate
#                        addresses itself
#     audit.sh shown     a kernel that shows the IOMMU's registers
#     audit.sh firmware  a bad DMAR table: see make-dmar.c

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# audit [BDF]: runs it, with the findings in $work/findings, one a line
audit() {
	local status=0 want=0

	"$moat" audit ${1:+"host=$1"} > "$work/audit.log" 2>&1 || status=$?
	sed -nE 's/^(low|medium|high) +([^ ]+)  (.*)$/\2 \3/p' \
		"$work/audit.log" > "$work/findings"
	! grep -q '^unknown' "$work/audit.log" || want=2
	[ ! -s "$work/findings" ] || want=1
	is 'status of moat audit' "$status" "$want"
}

# found NAME SUBJECT, not_found NAME SUBJECT, none NAME...: at the last audit
found() { grep -qxF "$1 $2" "$work/findings" || fail "no $1 of $2"; }
not_found() { ! grep -qxF "$1 $2" "$work/findings" || fail "$1 of $2"; }
none() {
	local name

	for name; do
		! grep "^$name " "$work/findings" || fail "there is a $name"
	done
}

# toggled NAME SUBJECT ON OFF: found after the command ON, not before and not
# after OFF
toggled() {
	audit
	not_found "$1" "$2"
	eval "$3"
	audit
	found "$1" "$2"
	eval "$4"
	audit
	not_found "$1" "$2"
	say "$1"
}

# instead FILE COMMAND...: FILE reads as the command makes it of what it was
instead() {
	local file=$1 copy

	shift
	copy=$(mktemp -p "$work")
	"$@" < "$file" > "$copy"
	mount --bind "$copy" "$file"
}

group_of() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"; }

# set_command BDF BYTE: its COMMAND register
set_command() {
	# shellcheck disable=SC2059 # a byte
	printf "\\x$2" | dd of="/sys/bus/pci/devices/$1/config" bs=1 seek=4 \
		conv=notrunc status=none
}

# param NAME VALUE: of a module
param() { echo "$2" > "/sys/module/$1"; }

fenced() {
	local group behind=0000:02:01.0 one=0000:03:00.0 other=0000:04:00.0
	local unsafe=vfio_iommu_type1/parameters/allow_unsafe_interrupts

	audit
	none no-iommu interrupts-not-remapped no-group noiommu-mode \
		noiommu-device ats-on ats-allowed pass-through lazy-invalidation \
		acs-overridden reserved-memory reserved-memory-is-ram \
		dmar-malformed dmar-odd memlock
	! grep -q '^unknown' "$work/audit.log" || fail 'something is unknown'

	found no-reset "$edu"
	not_found no-reset "$nic"
	toggled bus-master-on "$edu" "set_command $edu 06" "set_command $edu 02"
	toggled unsafe-interrupts host "param $unsafe Y" "param $unsafe N"
	found no-huge-pages host
	echo 16 > /proc/sys/vm/nr_hugepages

	# Behind a bridge to conventional PCI, and behind ports without ACS.
	audit
	not_found no-huge-pages host
	found requester-alias "$behind"
	not_found requester-alias "$nic"
	found acs-missing "$one"
	found acs-missing "$other"
	not_found acs-missing "$nvme"
	group=$(group_of "$one")
	is 'the group of the other' "$(group_of "$other")" "$group"
	found group-shared "group $group"
	not_found group-shared "group $(group_of "$nvme")"
	toggled group-several-owners "group $group" \
		"$moat bind --force $one" "$moat release $one"

	# What the host does with its own devices.
	group=$(group_of "$edu")
	toggled pass-through "group $group" \
		"echo identity > /sys/kernel/iommu_groups/$group/type" \
		"echo DMA > /sys/kernel/iommu_groups/$group/type"
	found reserved-memory-relaxed "group $(group_of 0000:00:1f.2)"
	not_found reserved-memory-relaxed "group $group"
	toggled dmar-malformed host \
		'instead /sys/firmware/acpi/tables/DMAR head -c 60' \
		'umount /sys/firmware/acpi/tables/DMAR'

	# Of one device, no other's; in order, it is, and that is the status.
	audit "$nic"
	! grep -q "$edu" "$work/findings" || fail "$edu in an audit of $nic"
	"$moat" audit "host=$nvme" > "$work/clean.log" ||
		fail "an audit of $nvme: status $?"
	has "$work/clean.log" 'nothing found'
	"$moat" audit --json "host=$edu" > "$work/json" || :
	has "$work/json" '"name": "no-reset"' '"severity": "medium"'
	has <(tr -d ' \n' < "$work/json") '"unknown":[]'
	has "$work/json" "does not show the units' registers"

	# The page: of all of it, and nothing in it from elsewhere.
	"$moat" audit --html "$work/page.html" > "$work/text" || is 'status' $? 1
	has "$work/text" "no-reset  $edu"
	has "$work/page.html" 'id="no-reset"' "<b>$edu</b>" '</svg>' \
		">$nvme</text>" ">group $(group_of "$one")</text>" '</html>'
	! grep -E '(src|href)="?[^#"]|@import|url\(' "$work/page.html" ||
		fail 'the page needs something from elsewhere'
	! "$moat" audit --html /nowhere/page.html > /dev/null 2> "$work/err.log" ||
		fail 'a page was written to nowhere'
	has "$work/err.log" 'cannot write /nowhere/page.html'

	# An ordinary user is told less, and that it is so.
	as_user 65536 > "$work/user.log" || is 'status' $? 1
	has "$work/user.log" 'are shown to root only' 'memlock  host'
	as_user unlimited > "$work/user.log" || is 'status' $? 2
	! grep -q memlock "$work/user.log" || fail 'memlock'
}

# as_user KIB: an audit of the NVMe by somebody who may lock this much memory
as_user() (
	ulimit -l "$1"
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$moat" audit "host=$nvme"
)

bare() {
	local unsafe=vfio/parameters/enable_unsafe_noiommu_mode

	audit
	found no-iommu host
	none no-group reserved-memory-relaxed unit-off
	toggled noiommu-mode host "param $unsafe Y" "param $unsafe N"
	param $unsafe Y
	echo vfio-pci > "/sys/bus/pci/devices/$edu/driver_override"
	toggled noiommu-device "$edu" "echo $edu > /sys/bus/pci/drivers_probe" \
		"echo $edu > /sys/bus/pci/drivers/vfio-pci/unbind"
	not_found noiommu-device "$nic"
}

exposed() {
	local virtio=0000:01:00.0

	audit
	found interrupts-not-remapped host
	found lazy-invalidation host
	found acs-overridden host
	found ats-on "$virtio"
	not_found ats-on "$nic"
	none no-iommu

	# As it is until the kernel has turned it on.
	toggled ats-allowed "$virtio" \
		"setpci -s $virtio ECAP_ATS+6.w=0000" \
		"setpci -s $virtio ECAP_ATS+6.w=8000"
	not_found ats-allowed "$nic"
}

# What the emulated unit cannot do, the kernel is made to say of it.
registers=/sys/kernel/debug/iommu/intel/iommu_regset

# says NAME REGISTER VALUE: found when a register of the unit has this value
says() {
	toggled "$1" dmar0 \
		"instead $registers sed -E 's/^($2 .*0x)[0-9a-f]+\$/\\1$3/'" \
		"umount $registers"
}

shown() {
	local unit=0xfed90000 gsts unsafe=iommufd/parameters/allow_unsafe_interrupts

	has "$registers" GSTS PMEN
	none_of_units
	! grep -q '^note' "$work/audit.log" || fail 'a note of registers'
	says compatibility-interrupts GSTS 00000000c7800000
	says unit-interrupts GSTS 00000000c4000000
	says protected-memory PMEN 0000000080000001
	toggled unsafe-interrupts host "param $unsafe Y" "param $unsafe N"

	# The unit itself is turned off, and on again.
	gsts=$((0x$(devmem $((unit + 0x1c)))))
	toggled unit-off dmar0 \
		"devmem $((unit + 0x18)) $((gsts & 0x16ffffff))" \
		"devmem $((unit + 0x18)) $((gsts & 0x96ffffff))"
	none_of_units
}

none_of_units() {
	audit
	none unit-off unit-interrupts compatibility-interrupts \
		protected-memory unverified-interrupts
}

# devmem ADDR [VALUE]: reads or writes 32 bits of a register
devmem() {
	if [ $# = 1 ]; then
		busybox devmem "$1" 32 | sed 's/^0x//'
	else
		busybox devmem "$1" 32 "$2"
	fi
}

firmware() {
	local edu_group

	edu_group=$(group_of "$edu")
	audit
	found dmar-odd host
	found no-group "$nic"
	not_found no-group "$nvme"
	found reserved-memory "group $edu_group"
	not_found reserved-memory "group $(group_of "$nvme")"
	found reserved-memory-is-ram host
	has "$work/audit.log" '0x6000000-0x6000fff'
	! grep -q 0xf0000- "$work/audit.log" || fail 'the BIOS is no RAM'
	found unverified-interrupts dmar0
	none no-iommu interrupts-not-remapped
}

"$1"
say "moat audit: $1"
