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
# guest's drivers have their disks.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

until_=$build/tests/lab/until
append='console=ttyS0 earlyprintk=ttyS0 panic=-1'
rounds=${BENCH_ROUNDS:-$(either 10 1)}
read -ra disks <<< "$(cd /sys/bus/pci/drivers/nvme && echo 0000:*)"
[ ${#disks[@]} -ge 16 ] || fail "only ${#disks[@]} disks"
"$moat" bind "${disks[@]}" > /dev/null
reserve 2048 1024 || fail 'no room for huge pages'

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

# entry NAME: ms from exec to the first entry
entry() {
	awk -F '[":, ]+' '{ at[$2] = $3 }
		END { printf "%.2f", (at["first_entry"] - at["exec"]) / 1e6 }' \
		"$work/$1.timeline"
}

# sample QUANTITY LABELS VALUE
sample() { echo "$2 $3" >> "$work/$1.samples"; }

# took NAME LABELS: its memory
took() { sample memory "$2" "$(cut -d ' ' -f 2 "$work/$1")"; }

# count N: once N disks of one guest are in use
count() {
	local threads fds eventfds

	start_until 'guest: status' "$work/up.cpio" up "${disks[@]:0:$1}"
	read -r _ _ threads fds eventfds < "$work/up"
	sample count "what=threads devices=$1" "$threads"
	sample count "what=fds devices=$1" "$fds"
	sample count "what=eventfds devices=$1" "$eventfds"
}

# further QUANTITY COUNT ONE MANY: what each device after the first added
further() {
	sample "$1" 'devices=further' \
		"$(awk "BEGIN { printf \"%.3f\", ($4 - $3) / ($2 - 1) }")"
}

read -ra counts <<< "$(either '1 2 4 8 16' '1 16')"
[ -n "$short" ] || start all "${disks[@]:0:16}"
for ((round = 0; round < rounds; round++)); do
	for n in "${counts[@]}"; do
		start "d$n" "${disks[@]:0:n}"
		took "d$n" "devices=$n"
		sample time "devices=$n" "$(entry "d$n")"
	done
	further time-further 16 "$(entry d1)" "$(entry d16)"
	further memory-further 16 "$(cut -d ' ' -f 2 "$work/d1")" \
		"$(cut -d ' ' -f 2 "$work/d16")"
done

echo : > "$work/script"
"$here/mkinitrd" --script "$work/script" -o "$work/up.cpio"
for n in "${counts[@]}"; do count "$n"; done

for ((round = 0; round < rounds; round++)); do
	for n in $(either '1 2 4 8' '1 2'); do
		pids=()
		for ((i = 0; i < n; i++)); do
			start "g$i" "${disks[i]}" &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do wait "$pid"; done
		slowest=0
		for ((i = 0; i < n; i++)); do
			took "g$i" "guests=$n"
			ms=$(cut -d ' ' -f 1 "$work/g$i")
			slowest=$(awk "BEGIN { print ($ms > $slowest ? $ms : $slowest) }")
		done
		sample time "guests=$n" "$slowest"
	done
done

record() { # NAME UNIT QUANTITY [option]...
	local name=$1 unit=$2 quantity=$3

	shift 3
	"$bench" record "$name" -unit "$unit" -quantity "$quantity" \
		-option "rounds=$rounds" -option device=nvme \
		-option 'guest=256 MiB in pages of 2 MiB' "$@" \
		-json "$LAB_OUT/$name.json"
}

record scale ms time \
	-note 'devices=N: one guest, from exec to the first KVM_RUN. guests=N: together, one disk each, until the slowest kernel writes its first byte.' \
	"$work/time.samples"
record scale-memory KiB private-memory \
	-note "Of one guest's process, outside of guest RAM." \
	"$work/memory.samples"
record scale-count pieces number \
	-note "Of one guest's process, when the guest's drivers have their disks." \
	 "$work/count.samples"
record scale-further ms time \
	-note 'What each device after the first adds: the difference of 16 and 1 in a round, by 15.' \
	"$work/time-further.samples"
record scale-further-memory KiB private-memory \
	-note 'What each device after the first adds: the difference of 16 and 1 in a round, by 15.' \
	"$work/memory-further.samples"
