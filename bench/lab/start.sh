#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lab: --mem 12G
#
# How long a start takes, by guest RAM and page size, and the private memory
# beyond guest RAM; beside QEMU's vfio-pci, where it is installed, with the
# same kernel and the same NVMe, in turns. Until:
#
#	entry   the first KVM_RUN of moat's (QEMU says nothing of its own)
#	serial  the guest kernel's first byte on COM1
#	rest    serial, without what opening the device, populating RAM and
#	        mapping it take: that is not to grow with guest RAM

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

until_=$build/tests/lab/until
append='console=ttyS0 earlyprintk=ttyS0 panic=-1'
initrd=$LAB_INITRD
qemu=$(command -v qemu-system-x86_64) || qemu=''
rounds=${BENCH_ROUNDS:-$(either 10 1)}
"$moat" bind "$nvme"

start_moat() { # MEGABYTES off|2M
	rm -f "$work/timeline"
	"$until_" '' "$moat" run -kernel "$guest_kernel" -initrd "$initrd" \
		-append "$append" -m "$1M" -hugepages "$2" \
		-timeline "$work/timeline" -pcidevice "host=$nvme" \
		2> "$work/moat.log" < /dev/null
}

start_qemu() { # as above
	local huge=

	[ "$2" = off ] || huge=,hugetlb=on,hugetlbsize=2M
	"$until_" '' "$qemu" -nodefaults -no-reboot -display none -serial stdio \
		-accel kvm -cpu host -machine q35,memory-backend=m0 \
		-object "memory-backend-memfd,id=m0,size=$1M,share=on,prealloc=on,prealloc-threads=2$huge" \
		-m "$1" -kernel "$guest_kernel" -initrd "$initrd" \
		-append "$append" -device "vfio-pci,host=$nvme" \
		2> "$work/qemu.log" < /dev/null
}

# phases LABELS: what the timeline of the last start says, ms
phases() {
	awk -v labels="$1" -F '[":, ]+' '
		{ at[$2] = $3 }
		function put(until, ns) {
			printf "vmm=moat until=%s %s %.1f\n", until, labels, ns / 1e6
		}
		END {
			ready = at["ram_ready"]
			if (at["mapped"] > ready) ready = at["mapped"]
			if (at["devices_open"] > ready) ready = at["devices_open"]
			put("entry", at["first_entry"] - at["exec"])
			put("rest", at["first_serial"] - at["exec"] - (ready - at["vm_ready"]))
		}' "$work/timeline"
}

# took VMM LABELS < LINE: into the two files of samples
took() {
	local ms kib

	read -r ms kib _
	echo "vmm=$1 until=serial $2 $ms" >> "$work/times"
	echo "vmm=$1 $2 $kib" >> "$work/memory"
}

: > "$work/times"
: > "$work/memory"
compare=() compare_memory=() skip=()
[ -n "$qemu" ] || skip=(-skip 'vmm=qemu: it is not installed')

# one_round PAGES RAM...: each of them under both, in turns
one_round() {
	local pages=$1 mb labels

	shift
	for mb; do
		labels="pages=${pages/off/4K} ram=$mb"
		start_moat "$mb" "$pages" > "$work/line"
		took moat "$labels" < "$work/line"
		phases "$labels" >> "$work/times"
		[ -n "$qemu" ] || continue
		start_qemu "$mb" "$pages" > "$work/line"
		took qemu "$labels" < "$work/line"
	done
}

# compare_all PAGES RAM...: the two with each other, and the most RAM with the
# least
compare_all() {
	local pages=pages=${1/off/4K} least=$2 most=${*: -1} mb

	shift
	for mb; do
		[ -n "$qemu" ] || continue
		compare+=(-compare "vmm=moat until=serial $pages ram=$mb/vmm=qemu until=serial $pages ram=$mb")
		compare_memory+=(-compare "vmm=moat $pages ram=$mb/vmm=qemu $pages ram=$mb")
	done
	compare+=(-compare "vmm=moat until=rest $pages ram=$most/vmm=moat until=rest $pages ram=$least")
	compare_memory+=(-compare "vmm=moat $pages ram=$most/vmm=moat $pages ram=$least")
}

read -ra sizes <<< "$(either '256 1024 4096' '256 1024')"
for pages in $(either 'off 2M' 2M); do
	huge=0
	[ "$pages" = off ] || huge=$((${sizes[-1]} / 2))
	reserve 2048 "$huge" || fail "no room for $huge huge pages"
	say "pages of $pages"
	# Files are read from the host for the first time now.
	if [ -z "$short" ]; then
		start_moat 256 "$pages" > /dev/null
		[ -z "$qemu" ] || start_qemu 256 "$pages" > /dev/null
	fi
	for ((round = 0; round < rounds; round++)); do
		one_round "$pages" "${sizes[@]}"
	done
	compare_all "$pages" "${sizes[@]}"
done

"$bench" record start -unit ms -quantity time -x ram -panel pages \
	-option "rounds=$rounds" -option device=nvme "${compare[@]}" "${skip[@]}" \
	-note 'ram is in MiB. until=entry is from exec to the first KVM_RUN, until=serial to the first byte on COM1; until=rest is until=serial without opening, populating and mapping.' \
	-json "$LAB_OUT/start.json" "$work/times"
"$bench" record start-memory -unit KiB -quantity private-memory -x ram \
	-panel pages -option "rounds=$rounds" -option device=nvme \
	"${compare_memory[@]}" "${skip[@]}" \
	-note 'Private pages (smaps) outside of guest RAM, at the first byte on COM1; ram is in MiB.' \
	-json "$LAB_OUT/start-memory.json" "$work/memory"
