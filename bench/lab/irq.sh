#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lab: --kernel full
#
# Interrupts: to this machine's user space; then to a guest's handler, of edu
# (INTx, MSI) and of a NIC (INTx, MSI, MSI-X). Guests with one vCPU and RAM in
# huge pages, in turns: under moat with the process and the host's interrupts
# on CPU 0 (pinned), with both wherever the kernel puts them (free), and with
# both where moat puts them (placed); and under QEMU's vfio-pci, where it is
# installed, on CPU 0, too.
#
# The guest's kernel needs VFIO for devices without an IOMMU.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

qemu=$(command -v qemu-system-x86_64) || qemu=''
append="console=ttyS0 quiet panic=-1 ${LAB_QUICK:-}"
rounds=${BENCH_ROUNDS:-$(either 6 1)}
# A guest's are all on one node.
reserve 2048 264 || fail 'no room for huge pages'
"$bench" irq -device "host=$edu,managed=on" \
	-rounds "${BENCH_ROUNDS:-$(either 10 2)}" \
	-count "$(either 100 5)" -json "$LAB_OUT/irq-edu.json"
"$bench" irq -device "host=$nvme,managed=on" -irqs msix,polled \
	-rounds "${BENCH_ROUNDS:-$(either 10 2)}" -count "$(either 100 5)" \
	-json "$LAB_OUT/irq-nvme.json"

cat > "$work/script" <<END
. lib.sh
echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode
# take ID LABEL,KIND...: its interrupts of each kind
take() {
	bdf=\$(find_pci "\$1")
	shift
	dir=/sys/bus/pci/devices/\$bdf
	echo vfio-pci > "\$dir/driver_override"
	[ ! -e "\$dir/driver" ] || echo "\$bdf" > "\$dir/driver/unbind"
	echo "\$bdf" > /sys/bus/pci/drivers_probe
	wait_for test -e "\$dir/iommu_group"
	group=\$(readlink "\$dir/iommu_group")
	rings "\$bdf" "/dev/vfio/noiommu-\${group##*/}" 2 $(either 25 2) "\$@"
}
take 0x1234:0x11e8 "device=edu irq=intx,intx" "device=edu irq=msi,msi"
take 0x8086:0x10d3 "device=nic irq=intx,intx" "device=nic irq=msi,msi" \
	"device=nic irq=msix,msix"
END
"$here/mkinitrd" --script "$work/script" \
	--add "$build/tests/lab/rings:/bin/rings" \
	--add "$here/guest/lib.sh:/bin/lib.sh" -o "$work/guest.cpio"
"$moat" bind "$edu" "$nic"

# run_moat off|auto COMMAND...: moat, placed so, by that
run_moat() {
	local place=$1

	shift
	"$@" "$moat" run -kernel "$guest_kernel" -initrd "$work/guest.cpio" \
		-append "$append" -m 256M -hugepages 2M -place "$place" \
		-no-reboot \
		-serial "file:$work/serial" -pcidevice "host=$edu" \
		-pcidevice "host=$nic" 2> "$work/vmm.log" < /dev/null
}

run_qemu() { # as above
	shift
	"$@" "$qemu" -nodefaults -no-reboot -display none \
		-serial "file:$work/serial" -accel kvm -cpu host \
		-machine q35,memory-backend=m0 -m 256 \
		-object memory-backend-memfd,id=m0,size=256M,share=on,prealloc=on,hugetlb=on,hugetlbsize=2M \
		-kernel "$guest_kernel" -initrd "$work/guest.cpio" \
		-append "$append" -device "vfio-pci,host=$edu" \
		-device "vfio-pci,host=$nic" 2> "$work/vmm.log" < /dev/null
}

all_cpus=$(cat /proc/irq/default_smp_affinity)
# sample VMM pinned|free|placed
sample() {
	local command=() mask=$all_cpus place=off

	case $2 in
	pinned) command=(taskset -c 0) mask=1 ;;
	placed) place=auto ;;
	esac
	# What the devices' interrupts have from their first.
	echo "$mask" > /proc/irq/default_smp_affinity
	rm -f "$work/serial"
	"run_$1" "$place" "${command[@]}"
	tr -d '\r' < "$work/serial" > "$work/guest.log"
	has "$work/guest.log" 'guest: status 0'
	sed -n "s/^device=[a-z]* irq=[a-z]* /&vmm=$1 cpu=$2 /p" \
		"$work/guest.log" >> "$work/samples"
}

ways=('moat pinned' 'moat free' 'moat placed') skip=()
if [ -n "$qemu" ]; then
	ways+=('qemu pinned')
else
	skip=(-skip 'vmm=qemu: it is not installed')
fi
for ((round = 0; round < rounds; round++)); do
	say_round "$round" "$rounds" 'guests'
	mapfile -t turn < <(in_turns "$round" "${ways[@]}")
	for way in "${turn[@]}"; do
		read -r vmm cpu <<< "$way"
		sample "$vmm" "$cpu"
	done
done

compare=()
for how in 'device=edu irq=intx' 'device=edu irq=msi' 'device=nic irq=intx' \
	'device=nic irq=msi' 'device=nic irq=msix'; do
	compare+=(-compare "$how vmm=moat cpu=pinned/$how vmm=moat cpu=free"
		-compare "$how vmm=moat cpu=placed/$how vmm=moat cpu=free")
	[ -z "$qemu" ] ||
		compare+=(-compare "$how vmm=moat cpu=pinned/$how vmm=qemu cpu=pinned")
done
"$bench" record irq-guest -unit us -quantity round-trip -better less \
	-panel device "${skip[@]}" "${compare[@]}" -option "rounds=$rounds" \
	-option 'guest=1 vCPU, 256 MiB in pages of 2 MiB' \
	-note 'cpu=pinned: process and interrupts on CPU 0; placed: by moat itself; free: by the kernel.' \
	-note 'To the guest'\''s handler, which adds to an eventfd that is looked at all the time.' \
	-json "$LAB_OUT/irq-guest.json" "$work/samples"
"$moat" release
is 'IOMMU faults' "$(faults)" 0
