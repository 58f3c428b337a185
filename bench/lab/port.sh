#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lab: --cpus 4
# lab: --device pcie-root-port,id=rp2,bus=pxb1,chassis=2,slot=2
# lab: --device pcie-root-port,id=rp3,bus=pxb1,chassis=3,slot=3
# lab: --device pcie-root-port,id=rp4,bus=pxb1,chassis=4,slot=4
# lab: --device e1000e,netdev=nic2,bus=rp2,romfile=
# lab: --device e1000e,netdev=nic3,bus=rp3,romfile=
# lab: --device e1000e,netdev=nic4,bus=rp4,romfile=
#
# Ports by each pio=: first the access alone, as a vCPU's thread makes it
# after the guest's exit; then in a guest that has a NIC for each. The NICs
# are on node 1. A vCPU there is near to the thread of pio=thread, and one on
# node 0 is far: two guests, in turns.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

nics=()
for dir in /sys/bus/pci/devices/*; do
	[ "$(cat "$dir/vendor"):$(cat "$dir/device")" = 0x8086:0x10d3 ] || continue
	[ "$(cat "$dir/numa_node")" != 1 ] || nics+=("${dir##*/}")
done
is 'NICs on node 1' "${#nics[@]}" 3
"$moat" bind "${nics[@]}"

"$bench" port -device "host=${nics[0]}" \
	-rounds "${BENCH_ROUNDS:-$(either 30 2)}" -count "$(either 500 10)" -json "$LAB_OUT/port-host.json"

# They are in the order they were given.
ways=(vfio direct thread)
cat > "$work/script" <<END
. lib.sh
set --
for dir in /sys/bus/pci/devices/*; do
	[ "\$(cat "\$dir/vendor"):\$(cat "\$dir/device")" = 0x8086:0x10d3 ] || continue
	nic=\${dir##*/}
	[ ! -e "\$dir/driver" ] || echo "\$nic" > "\$dir/driver/unbind"
	set -- "\$@" "\$nic"
done
accesses $(either 8 2) $(either 200 5) \
	"pio=vfio op=read,in,\$1" "pio=vfio op=write,out,\$1" \
	"pio=direct op=read,in,\$2" "pio=direct op=write,out,\$2" \
	"pio=thread op=read,in,\$3" "pio=thread op=write,out,\$3"
END
devices=()
for i in 0 1 2; do devices+=(-pcidevice "host=${nics[i]},pio=${ways[i]}"); done

# sample near|far NODE
sample() {
	GUEST_ADD="$build/tests/lab/accesses:/bin/accesses" \
		guest "$1" "$work/script" -m 128M -smp 1 -place "node=$2" \
		"${devices[@]}"
	tr -d '\r' < "$work/$1.log" |
		sed -n "s/^pio=[a-z]* /&node=$1 /p" >> "$work/samples"
}
rounds=${BENCH_ROUNDS:-$(either 4 1)}
for ((round = 0; round < rounds; round++)); do
	say_round "$round" "$rounds" 'guests near and far'
	mapfile -t turn < <(in_turns "$round" 'near 1' 'far 0')
	for way in "${turn[@]}"; do
		read -r name node <<< "$way"
		sample "$name" "$node"
	done
done

compare=()
for op in read write; do
	for way in direct thread; do
		for node in near far; do
			compare+=(-compare "pio=$way node=$node op=$op/pio=vfio node=$node op=$op")
		done
	done
done
"$bench" record port-guest -unit ns -quantity access -better less -panel op \
	-option 'guest=1 vCPU' -option "rounds=$rounds" "${compare[@]}" \
	-note 'node: of the vCPU, seen from the NICs and the thread of pio=thread' \
	-json "$LAB_OUT/port-guest.json" "$work/samples"
"$moat" release
is 'IOMMU faults' "$(faults)" 0
