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
#	rest    serial, without what opening the device and populating RAM take,
#	        and of mapping it what the guest's start waits for: that is not
#	        to grow with guest RAM. A guest starts before the map has ended
#
# and what populating takes, and all calls that map. Then populating alone, by
# one thread and by two, each on a node of its own.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

until_=$build/tests/lab/until
append='console=ttyS0 earlyprintk=ttyS0 panic=-1'
initrd=$LAB_INITRD
qemu=$(command -v qemu-system-x86_64) || qemu=''
rounds=${BENCH_ROUNDS:-$(either 10 1)}
"$moat" bind "$nvme"

# run_moat MEGABYTES off|2M|1G [option]...
run_moat() {
	local mb=$1 pages=$2

	shift 2
	rm -f "$work/timeline"
	"$until_" '' "$moat" run -kernel "$guest_kernel" -initrd "$initrd" \
		-append "$append" -m "${mb}M" -hugepages "$pages" \
		-timeline "$work/timeline" "$@" 2> "$work/moat.log" < /dev/null
}

start_moat() { # MEGABYTES off|2M|1G
	run_moat "$@" -pcidevice "host=$nvme"
}

start_qemu() { # as above
	local huge=

	[ "$2" = off ] || huge=,hugetlb=on,hugetlbsize=$2
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
		$2 == "map" { in_map = $9 }	# total_ns
		function max(a, b) { return a > b ? a : b }
		function min(a, b) { return a < b ? a : b }
		function put(what, ns) {
			printf "vmm=moat %s %s %.1f\n", what, labels, ns / 1e6
		}
		END {
			ready = max(at["ram_ready"], at["devices_open"])
			ready = max(ready, min(at["mapped"], at["first_entry"]))
			put("until=entry", at["first_entry"] - at["exec"])
			put("until=rest", at["first_serial"] - at["exec"] - (ready - at["vm_ready"]))
			put("took=populate", at["ram_ready"] - at["vm_ready"])
			put("took=map", in_map)
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

# one_round ROUND PAGES RAM...: each of them under both, in turns
one_round() {
	local round=$1 pages=$2 ways=() way vmm mb labels

	shift 2
	for mb; do
		ways+=("moat $mb")
		[ -z "$qemu" ] || ways+=("qemu $mb")
	done
	mapfile -t ways < <(in_turns "$round" "${ways[@]}")
	for way in "${ways[@]}"; do
		read -r vmm mb <<< "$way"
		labels="pages=${pages/off/4K} ram=$mb"
		"start_$vmm" "$mb" "$pages" > "$work/line"
		took "$vmm" "$labels" < "$work/line"
		[ "$vmm" = qemu ] || phases "$labels" >> "$work/times"
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
	[ "$least" != "$most" ] || return 0
	compare+=(-compare "vmm=moat until=rest $pages ram=$most/vmm=moat until=rest $pages ram=$least")
	compare_memory+=(-compare "vmm=moat $pages ram=$most/vmm=moat $pages ram=$least")
}

read -ra all_sizes <<< "$(either '256 1024 4096' '256 1024')"
# have PAGES: reserve them; in $sizes is what they are enough for
have() {
	local kb mb

	case $1 in
	1G) kb=1048576 ;;
	2M) kb=2048 ;;
	off) sizes=("${all_sizes[@]}"); return ;;
	esac
	sizes=()
	for mb in "${all_sizes[@]}"; do
		[ $((mb * 1024 % kb)) = 0 ] || continue
		if reserve "$kb" $((mb * 1024 / kb)); then
			sizes+=("$mb")
		else
			say "not measured: pages=$1 ram=$mb"
			skip+=(-skip "pages=$1 ram=$mb: the machine had no such pages to give")
		fi
	done
}

give_back() { # as above
	case $1 in
	1G) reserve 1048576 0 || : ;;
	2M) reserve 2048 0 ;;
	esac
}

# The largest come first: later there are no such pieces of memory any more.
reserve 2048 0
for pages in $(either '1G 2M off' '1G 2M'); do
	have "$pages"
	[ ${#sizes[@]} != 0 ] || continue
	# Files are read from the host for the first time now, and the memory
	# of an emulated machine is made when it is used first.
	if [ -z "$short" ]; then
		start_moat "${sizes[-1]}" "$pages" > /dev/null
		[ -z "$qemu" ] || start_qemu "${sizes[0]}" "$pages" > /dev/null
	fi
	for ((round = 0; round < rounds; round++)); do
		say_round "$round" "$rounds" "pages of ${pages/off/4K}"
		one_round "$round" "$pages" "${sizes[@]}"
	done
	compare_all "$pages" "${sizes[@]}"
	give_back "$pages"
done

"$bench" record start -unit ms -quantity time -x ram -panel pages \
	-option "rounds=$rounds" -option device=nvme "${compare[@]}" "${skip[@]}" \
	-note 'ram is in MiB. until=entry is from exec to the first KVM_RUN, until=serial to the first byte on COM1; until=rest is until=serial without opening, populating, and what of mapping comes before the first KVM_RUN. took=map is all of mapping, part of it beside the guest.' \
	-json "$LAB_OUT/start.json" "$work/times"
"$bench" record start-memory -unit KiB -quantity private-memory -x ram \
	-panel pages -option "rounds=$rounds" -option device=nvme \
	"${compare_memory[@]}" "${skip[@]}" \
	-note 'Private pages (smaps) outside of guest RAM, at the first byte on COM1; ram is in MiB.' \
	-json "$LAB_OUT/start-memory.json" "$work/memory"

# Without a device, whose opening would be beside it. RAM that is on both nodes
# is populated by a thread on each, and each has one CPU. Either node has room
# for all of it.
ram=$(either 2048 256)
reserve 2048 "$ram" || fail 'no room for huge pages'
for node in 0 1; do
	[ -n "$short" ] || run_moat "$ram" 2M -place "node=$node" > /dev/null
done
for ((round = 0; round < rounds; round++)); do
	say_round "$round" "$rounds" 'populating by one thread and by two'
	mapfile -t turn < <(in_turns "$round" '1 node=1' '2 node=0,1')
	for way in "${turn[@]}"; do
		read -r threads place <<< "$way"
		run_moat "$ram" 2M -place "$place" > /dev/null
		phases "pages=2M ram=$ram threads=$threads" |
			sed -n 's/^vmm=moat took=populate //p' >> "$work/populate"
	done
done
give_back 2M
"$bench" record start-populate -unit ms -quantity populate \
	-option "rounds=$rounds" \
	-compare "pages=2M ram=$ram threads=1/pages=2M ram=$ram threads=2" \
	-note 'Guest RAM, as moat run populates it: on one node, or half of it on each of two. The ratio is how many times faster two are; ram is in MiB.' \
	-json "$LAB_OUT/start-populate.json" "$work/populate"
