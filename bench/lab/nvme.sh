#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lab: --mem 4G
#
# An NVMe disk in a guest, under moat and under QEMU's vfio-pci in turns: the
# same kernel, initramfs, disk, RAM in huge pages, and one vCPU. Everything,
# the device's interrupts too, is on the one CPU of the disk's node: where an
# interrupt lands decides more than all else.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

qemu=$(command -v qemu-system-x86_64) || qemu=''
rounds=${BENCH_ROUNDS:-$(either 20 1)}
append="console=ttyS0 quiet panic=-1 ${LAB_QUICK:-}"
cat > "$work/script" <<END
cat /sys/devices/system/clocksource/clocksource0/current_clocksource
disk /dev/nvme0n1 4096 1 1 200 > /dev/null
echo "block=4096 depth=1 \$(disk /dev/nvme0n1 4096 1 5 $(either 500 50) | tr '\n' ' ')"
echo "block=4096 depth=32 \$(disk /dev/nvme0n1 4096 32 5 $(either 2000 150) | tr '\n' ' ')"
echo "block=131072 depth=32 \$(disk /dev/nvme0n1 131072 32 5 $(either 1000 100) | tr '\n' ' ')"
END
"$here/mkinitrd" --script "$work/script" --add "$build/bench/disk:/bin/disk" \
	-o "$work/guest.cpio"

reserve 2048 256 || fail 'no room for huge pages'
"$moat" bind "$nvme"
cpus=$(cat "/sys/bus/pci/devices/$nvme/local_cpulist")
cat "/sys/bus/pci/devices/$nvme/local_cpus" > /proc/irq/default_smp_affinity

run_moat() {
	taskset -c "$cpus" "$moat" run -kernel "$guest_kernel" \
		-initrd "$work/guest.cpio" -append "$append" -m 512M \
		-hugepages 2M -place off -no-reboot -serial "file:$work/moat.out" \
		-pcidevice "host=$nvme" 2> "$work/moat.log" < /dev/null
}

run_qemu() {
	taskset -c "$cpus" "$qemu" -nodefaults -no-reboot -display none \
		-serial "file:$work/qemu.out" -accel kvm -cpu host \
		-machine q35,memory-backend=m0 -m 512 \
		-object memory-backend-memfd,id=m0,size=512M,share=on,prealloc=on,hugetlb=on,hugetlbsize=2M \
		-kernel "$guest_kernel" -initrd "$work/guest.cpio" \
		-append "$append" -device "vfio-pci,host=$nvme" \
		2> "$work/qemu.log" < /dev/null
}

# once VMM: one guest; of each way to read, the median is the sample
once() {
	local vmm=$1

	rm -f "$work/$vmm.out"
	"run_$vmm"
	tr -d '\r' < "$work/$vmm.out" > "$work/$vmm.said.log"
	has "$work/$vmm.said.log" 'guest: status 0'
	awk -v vmm="$vmm" -v dir="$work" '/^block=/ {
		n = NF - 2
		for (i = 1; i <= n; i++) v[i] = $(i + 2) + 0
		for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++)
			if (v[j] < v[i]) { t = v[i]; v[i] = v[j]; v[j] = t }
		file = dir ($2 == "depth=1" ? "/latency" : "/throughput")
		print "vmm=" vmm, $1, $2, v[int((n + 1) / 2)] >> file
	}' "$work/$vmm.said.log"
}

vmms=(moat) skip=() compare_latency=() compare_throughput=()
if [ -n "$qemu" ]; then
	vmms+=(qemu)
	compare_latency=(-compare 'vmm=moat block=4096 depth=1/vmm=qemu block=4096 depth=1')
	for how in 'block=4096 depth=32' 'block=131072 depth=32'; do
		compare_throughput+=(-compare "vmm=moat $how/vmm=qemu $how")
	done
else
	skip=(-skip 'vmm=qemu: it is not installed')
fi
for ((round = 0; round < rounds; round++)); do
	say_round "$round" "$rounds" 'guests'
	mapfile -t turn < <(in_turns "$round" "${vmms[@]}")
	for vmm in "${turn[@]}"; do once "$vmm"; done
done
say "the guests' clocks: $(head -n 1 "$work"/*.said.log | grep -v '^$' | tr '\n' ' ')"

note='One vCPU; the process and the interrupts of the disk on one CPU. A sample is the median of five runs in one guest.'
"$bench" record nvme-latency -unit us -quantity latency "${skip[@]}" \
	"${compare_latency[@]}" -option "rounds=$rounds" -note "$note" \
	-json "$LAB_OUT/nvme-latency.json" "$work/latency"
"$bench" record nvme-throughput -unit MiB/s -quantity throughput -better more \
	"${skip[@]}" "${compare_throughput[@]}" -option "rounds=$rounds" \
	-note "$note" -json "$LAB_OUT/nvme-throughput.json" "$work/throughput"
is 'IOMMU faults' "$(faults)" 0
