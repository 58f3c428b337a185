#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lab: --mem 8G
# lab: --device nvme,serial=scale0,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=0a.0
# lab: --device nvme,serial=scale1,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=0b.0
# lab: --device nvme,serial=scale2,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=0c.0
# lab: --device nvme,serial=scale3,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=0d.0
# lab: --device nvme,serial=scale4,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=0e.0
# lab: --device nvme,serial=scale5,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=0f.0
# lab: --device nvme,serial=scale6,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=10.0
# lab: --device nvme,serial=scale7,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=11.0
# lab: --device nvme,serial=scale8,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=12.0
# lab: --device nvme,serial=scale9,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=13.0
# lab: --device nvme,serial=scale10,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=14.0
# lab: --device nvme,serial=scale11,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=15.0
# lab: --device nvme,serial=scale12,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=16.0
# lab: --device nvme,serial=scale13,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=17.0
# lab: --device nvme,serial=scale14,max_ioqpairs=4,msix_qsize=5,bus=pcie.0,addr=18.0
#
# What further devices and further guests cost: 1 to 16 NVMe disks in one
# guest, 1 to 8 guests with one each. The time is from exec to the first
# KVM_RUN: the kernel waits while it opens a device, 100 ms and more, but for
# all of them at once. The guests start together; their time is the slowest's
# until its kernel's first byte. Threads and descriptors are counted when the
# guests' drivers have their disks.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

until_=$build/tests/lab/until
append='console=ttyS0 earlyprintk=ttyS0 panic=-1'
rounds=${BENCH_ROUNDS:-$(either 10 1)}
# A guest that is up takes seconds, and these numbers hardly differ.
count_rounds=${BENCH_ROUNDS:-$(either 3 1)}
read -ra disks <<< "$(cd /sys/bus/pci/drivers/nvme && echo 0000:*)"
[ ${#disks[@]} -ge 16 ] || fail "only ${#disks[@]} disks"
"$moat" bind "${disks[@]}" > /dev/null
reserve 2048 1024 || fail 'no room for huge pages'
echo : > "$work/script"
"$here/mkinitrd" --script "$work/script" -o "$work/up.cpio"

# start NAME DISK...: a guest with these, to its first byte; what it had by
# then is in $work/NAME, see until
start() {
	start_until '' "$LAB_INITRD" "$@"
}

# start_until TEXT INITRD NAME DISK...: as above, to that TEXT
start_until() {
	local text=$1 initrd=$2 name=$3 disk options=()

	shift 3
	for disk; do options+=(-pcidevice "host=$disk"); done
	"$until_" "$text" "$moat" run -kernel "$guest_kernel" -initrd "$initrd" \
		-append "$append" -m 256M -hugepages 2M \
		-timeline "$work/$name.timeline" "${options[@]}" \
		> "$work/$name" 2> "$work/$name.log" < /dev/null
}

# together TEXT INITRD N: so many guests at once, g0 and so on, to that TEXT
together() {
	local pids=() pid i

	for ((i = 0; i < $3; i++)); do
		start_until "$1" "$2" "g$i" "${disks[i]}" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
}

# entry NAME: ms from exec to the first entry
entry() {
	awk -F '[":, ]+' '{ at[$2] = $3 }
		END { printf "%.2f", (at["first_entry"] - at["exec"]) / 1e6 }' \
		"$work/$1.timeline"
}

# sample FILE LABELS VALUE
sample() { echo "$2 $3" >> "$work/$1.samples"; }

# took FILE LABELS NAME: its memory
took() { sample "$1" "$2" "$(cut -d ' ' -f 2 "$work/$3")"; }

# count FILE LABELS NAME: what it has
count() {
	local threads fds eventfds

	read -r _ _ threads fds eventfds < "$work/$3"
	sample "$1" "what=threads $2" "$threads"
	sample "$1" "what=fds $2" "$fds"
	sample "$1" "what=eventfds $2" "$eventfds"
}

# further FILE COUNT ONE MANY: what each device after the first added
further() {
	sample "$1" 'devices=further' \
		"$(awk "BEGIN { printf \"%.3f\", ($4 - $3) / ($2 - 1) }")"
}

# several_devices N: in one guest
several_devices() {
	start "d$1" "${disks[@]:0:$1}"
	took devices-memory "devices=$1" "d$1"
	sample devices "devices=$1" "$(entry "d$1")"
}

several_guests() { # N
	local slowest=0 ms i

	together '' "$LAB_INITRD" "$1"
	for ((i = 0; i < $1; i++)); do
		took guests-memory "guests=$1" "g$i"
		ms=$(cut -d ' ' -f 1 "$work/g$i")
		slowest=$(awk "BEGIN { print ($ms > $slowest ? $ms : $slowest) }")
	done
	sample guests "guests=$1" "$slowest"
}

# Once the disks are in use.
count_devices() { # N
	start_until 'guest: status' "$work/up.cpio" up "${disks[@]:0:$1}"
	count devices-count "devices=$1" up
}

count_guests() { # N
	local i

	together 'guest: status' "$work/up.cpio" "$1"
	for ((i = 0; i < $1; i++)); do
		count guests-count "guests=$1" "g$i"
	done
}

# each ROUND WHAT N...: WHAT N for each of them, in turns
each() {
	local round=$1 what=$2 turn n

	shift 2
	mapfile -t turn < <(in_turns "$round" "$@")
	for n in "${turn[@]}"; do "$what" "$n"; done
}

read -ra devices <<< "$(either '1 2 4 8 16' '1 16')"
read -ra guests <<< "$(either '1 2 4 8' '1 2')"
[ -n "$short" ] || start all "${disks[@]:0:16}"
for ((round = 0; round < rounds; round++)); do
	say_round "$round" "$rounds" "${devices[*]} devices, ${guests[*]} guests"
	each "$round" several_devices "${devices[@]}"
	further further 16 "$(entry d1)" "$(entry d16)"
	further further-memory 16 "$(cut -d ' ' -f 2 "$work/d1")" \
		"$(cut -d ' ' -f 2 "$work/d16")"
	each "$round" several_guests "${guests[@]}"
done
for ((round = 0; round < count_rounds; round++)); do
	say_round "$round" "$count_rounds" 'the same, all of them up'
	each "$round" count_devices "${devices[@]}"
	each "$round" count_guests "${guests[@]}"
done

# record NAME UNIT QUANTITY ROUNDS [option]...
record() {
	local name=$1 unit=$2 quantity=$3 rounds=$4

	shift 4
	"$bench" record "scale-$name" -unit "$unit" -quantity "$quantity" \
		-option "rounds=$rounds" -option device=nvme \
		-option 'guest=256 MiB in pages of 2 MiB' "$@" \
		-json "$LAB_OUT/scale-$name.json" "$work/$name.samples"
}

memory="Of one guest's process, outside of guest RAM."
count="Of one guest's process, when the guests' drivers have their disks."
difference='What each device after the first adds: the difference of 16 and 1 in a round, by 15.'
record devices ms time "$rounds" -x devices \
	-note 'One guest, from exec to the first KVM_RUN.'
record devices-memory KiB private-memory "$rounds" -x devices -note "$memory"
record devices-count pieces number "$count_rounds" -x devices -note "$count"
record guests ms time "$rounds" -x guests \
	-note 'Started together, one disk each, until the slowest kernel writes its first byte.'
record guests-memory KiB private-memory "$rounds" -x guests \
	-note "$memory Pages of the program that several of them use are nobody's own."
record guests-count pieces number "$count_rounds" -x guests -note "$count"
record further ms time "$rounds" -note "$difference"
record further-memory KiB private-memory "$rounds" -note "$difference"
