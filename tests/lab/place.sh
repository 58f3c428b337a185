#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where guests are put on a machine with two nodes of two processors, the NVMe
# on node 1: their threads, their RAM, the host's interrupts. With -place off
# all of that is left alone.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$moat" bind "$nvme" "$nic"
devices=(-pcidevice "host=$nvme,name=disk" -pcidevice "host=$nic,name=lan,pio=thread")

cat > "$work/script" <<'END_OF_SCRIPT'
. lib.sh
mount_nvme
cat /mnt/hello.txt
for dir in /sys/bus/pci/devices/*; do
	case $(cat "$dir/class") in
	0x010802) echo "node of the disk: $(cat "$dir/numa_node")" ;;
	0x020000) echo "node of the NIC: $(cat "$dir/numa_node")" ;;
	esac
done
for dir in /sys/devices/system/node/node*; do
	echo "${dir##*/}: CPUs $(cat "$dir/cpulist"), $(awk '/MemTotal/ {
		print int($4 / 1024 / 64 + 0.9) * 64 }' "$dir/meminfo") MiB," \
		"distances $(cat "$dir/distance")"
done
for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
	echo "${cpu##*/}: package $(cat "$cpu/topology/physical_package_id")"
done
echo "complaints: $(dmesg | grep -ciE 'srat: (error|invalid|bad)|not on the same node')"
echo "the disk's interrupts: $(grep -c nvme0q /proc/interrupts)"
sleep 1000
END_OF_SCRIPT

# start NAME [moat option]...
start() {
	local name=$1

	shift
	guest_start "$name" "$work/script" "${devices[@]}" -v "$@"
	guest_says "$name" "the disk's interrupts"
}

stop() {
	kill -TERM "$guest"
	wait "$guest" || fail "moat run: status $?"
}

# allowed THREAD-NAME-PATTERN: the CPUs that its threads may run on, a line each
allowed() {
	local task comm

	for task in /proc/"$guest"/task/*; do
		comm=$(cat "$task/comm")
		# shellcheck disable=SC2053 # a pattern
		[[ $comm = $1 ]] || continue
		sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$task/status"
	done | sort -u
}

# The CPUs that the disk's interrupts are sent to.
interrupts_go_to() {
	cat /proc/irq/*/"vfio-msix["*"]($nvme)"/../smp_affinity_list | sort -u
}

# ram POLICY: pages on "node 0:node 1" of memory with that policy
ram() {
	awk -v policy="$1" '$2 == policy {
		for (i = 3; i <= NF; i++) {
			if ($i ~ /^N0=/) a += substr($i, 4)
			if ($i ~ /^N1=/) b += substr($i, 4)
		} } END { print a + 0 ":" b + 0 }' "/proc/$guest/numa_maps"
}

# becomes WHAT WANT COMMAND...: its output, sooner or later
becomes() {
	local what=$1 want=$2 got

	shift 2
	for _ in $(seq 200); do
		got=$("$@")
		[ "$got" != "$want" ] || return 0
		sleep 0.1
	done
	fail "$what is '$got', not '$want'"
}

is 'node of the disk' "$(cat "/sys/bus/pci/devices/$nvme/numa_node")" 1
is 'CPUs of node 1' "$(cat /sys/devices/system/node/node1/cpulist)" 2-3

say 'the plan'
"$moat" plan "${devices[@]}" -m 512M > "$work/plan.log"
has "$work/plan.log" 'node 1, which 1 of 2 devices is on' 'RAM 512 MiB' 'vCPU 0 on CPU 2' \
	'its thread on CPU 3' 'all other threads on CPUs 0-1'

say 'auto: the node of the disk'
start auto -smp 1 -m 512M
is 'CPUs of vCPU 0' "$(allowed '*/vcpu0')" 2
is 'CPUs of the NIC'\''s thread' "$(allowed 'ports/*')" 3
is 'CPUs of the main thread' "$(allowed moat)" 0-1
becomes 'CPUs of the interrupts' 2 interrupts_go_to
has "$work/auto.log" 'node of the disk: 0' 'complaints: 0' \
	'node0: CPUs 0, 512 MiB, distances 10'
is 'RAM on the nodes' "$(ram bind:1)" "0:$((512 * 256))"
is 'other bound memory' "$(ram bind:0)" 0:0
"$moat" plan -place cpus=2-3 > "$work/plan.log"
has "$work/plan.log" 'CPUs are shared with other guests'
stop
"$moat" plan -place cpus=2-3 > "$work/plan.log"
has "$work/plan.log" 'vCPU 0 on CPU 2'

say 'two nodes by name, in huge pages of theirs'
huge() { echo "/sys/devices/system/node/node$1/hugepages/hugepages-2048kB/$2_hugepages"; }
for node in 0 1; do
	echo 128 > "$(huge $node nr)"
	is "huge pages of node $node" "$(cat "$(huge $node nr)")" 128
done
! "$moat" run -kernel "$guest_kernel" -m 512M -hugepages 2M -place node=1 \
	"${devices[@]}" 2> "$work/short.log" || fail 'it ran with too few huge pages'
has "$work/short.log" '128 are free on node 1' '128 are missing' \
	"echo 256 > $(huge 1 nr)"
start both -smp 2 -m 512M -hugepages 2M -place node=0-1
is 'CPUs of vCPU 0' "$(allowed '*/vcpu0')" 2
is 'CPUs of vCPU 1' "$(allowed '*/vcpu1')" 0
# The disk's node is the guest's first.
has "$work/both.log" 'node of the disk: 0' 'complaints: 0' \
	'node0: CPUs 0, 256 MiB, distances 10 20' \
	'node1: CPUs 1, 256 MiB, distances 20 10' \
	'cpu0: package 0' 'cpu1: package 1'
is 'RAM from node 1' "$(ram bind:1)" 0:128
is 'RAM from node 0' "$(ram bind:0)" 128:0
is 'free huge pages' "$(cat "$(huge 0 free)" "$(huge 1 free)" | tr '\n' ' ')" '0 0 '
stop
echo 0 > "$(huge 0 nr)"
echo 0 > "$(huge 1 nr)"

say off
start off -smp 2 -m 512M -place off
is 'CPUs of all threads' "$(allowed '*')" 0-3
has "$work/off.log" 'node of the disk: -1' 'node of the NIC: -1' \
	'node0: CPUs 0-1, 512 MiB' 'cpu1: package 0'
# All of the device's node: the kernel's own choice.
is 'CPUs of the interrupts' "$(interrupts_go_to)" 2-3
is 'RAM bound to node 1' "$(ram bind:1)" 0:0
is 'RAM bound to node 0' "$(ram bind:0)" 0:0
stop
is 'IOMMU faults' "$(faults)" 0
say 'threads, RAM and interrupts were where they belong'
