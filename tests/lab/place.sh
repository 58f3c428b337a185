#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where guests are put on a machine with two nodes of two processors, an NVMe
# and a NIC on node 1: their threads, their RAM, the host's interrupts, and what
# the guest is told of it. With -place off all of that is left alone.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# The second NIC: its port's place says its address.
for dir in /sys/bus/pci/devices/*; do
	if [ "$(cat "$dir/class" "$dir/numa_node" | xargs)" = '0x020000 1' ]; then
		nic=${dir##*/}
	fi
done
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
# In the order of their vectors.
for irq in $(sed -n 's/^ *\([0-9]*\):.* nvme0q.*/\1/p' /proc/interrupts | sort -n); do
	cpus="$cpus $(cat "/proc/irq/$irq/effective_affinity_list")"
done
echo "the disk's interrupts go to vCPUs$cpus"
echo looked around
sleep 1000
END_OF_SCRIPT

# start NAME [moat option]...
start() {
	local name=$1

	shift
	guest_start "$name" "$work/script" "${devices[@]}" -v "$@"
	guest_says "$name" 'looked around'
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

# The CPUs that the disk's interrupts are sent to, by their number.
interrupts_go_to() {
	local vector dir

	for vector in 0 1 2 3; do
		for dir in /proc/irq/*/"vfio-msix[$vector]($nvme)"; do
			[ ! -d "$dir" ] || cat "$dir/../smp_affinity_list"
		done
	done | xargs
}

# want_interrupts NAME CPU...: which CPUs they are to go to on the host, with
# the vCPUs on these ones
want_interrupts() {
	local name=$1 vcpu vcpus want='' cpus=("${@:2}")

	vcpus=$(tr -d '\r' < "$work/$name.log" | sed -n "s/.*interrupts go to vCPUs //p")
	for vcpu in $vcpus; do
		want+=" ${cpus[vcpu]}"
	done
	echo "${want# }"
}

# ram POLICY: pages on "node 0:node 1" of memory with that policy
ram() {
	awk -v policy="$1" '$2 == policy {
		for (i = 3; i <= NF; i++) {
			if ($i ~ /^N0=/) a += substr($i, 4)
			if ($i ~ /^N1=/) b += substr($i, 4)
		} } END { print a + 0 ":" b + 0 }' "/proc/$guest/numa_maps"
}

is 'nodes of the disk and the NIC' \
	"$(cat /sys/bus/pci/devices/{"$nvme","$nic"}/numa_node | xargs)" '1 1'
is 'CPUs of node 1' "$(cat /sys/devices/system/node/node1/cpulist)" 2-3

# plans WHAT [moat option]... -- TEXT...: what moat plan says
plans() {
	local what=$1 options=()

	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	"$moat" plan "${devices[@]}" -m 512M "${options[@]}" > "$work/plan.log"
	say "the plan: $what"
	has "$work/plan.log" "$@"
}

plans 'auto' -- 'node 1, which 2 of 2 devices are on' 'RAM 512 MiB' \
	'vCPU 0 on CPU 2' 'its thread on CPU 3' 'all other threads on CPUs 0-1'
plans 'CPUs by name' -smp 2 -place cpus=1,3 -- 'nodes 1, 0, by the CPUs told' \
	'vCPU 0 on CPU 3' 'vCPU 1 on CPU 1'
plans 'nodes by name' -smp 2 -place node=0,1 -- 'nodes 1, 0, as told' \
	'vCPU 0 on CPU 2' 'vCPU 1 on CPU 0'
plans off -place off -- 'nothing is placed, as told'
for rule in cpus=4 node=2 cpus=x; do
	! "$moat" run -kernel "$guest_kernel" -place "$rule" 2> "$work/rule.log" ||
		fail "it ran with -place $rule"
	has "$work/rule.log" -place
done

say 'auto: the node of the devices'
start auto -smp 1 -m 512M
is 'CPUs of vCPU 0' "$(allowed '*/vcpu0')" 2
is 'CPUs of the NIC'\''s thread' "$(allowed 'ports/*')" 3
is 'CPUs of the main thread' "$(allowed moat)" 0-1
becomes 'CPUs of the interrupts' '2 2' interrupts_go_to
has "$work/auto.log" 'node of the disk: 0' 'node of the NIC: 0' \
	'complaints: 0' 'node0: CPUs 0, 512 MiB, distances 10'
is 'RAM on the nodes' "$(ram bind:1)" "0:$((512 * 256))"
is 'other bound memory' "$(ram bind:0)" 0:0
plans 'beside that guest' -place cpus=2-3 -- 'CPUs are shared with other guests'
stop
plans 'without it' -place cpus=2-3 -- 'vCPU 0 on CPU 2'

huge() { echo "/sys/devices/system/node/node$1/hugepages/hugepages-2048kB/$2_hugepages"; }

# huge_pages N0 N1: so many on each node
huge_pages() {
	local node

	for node in 0 1; do
		echo "$1" > "$(huge $node nr)"
		is "huge pages of node $node" "$(cat "$(huge $node nr)")" "$1"
		shift
	done
}

free_huge_pages() { cat "$(huge 0 free)" "$(huge 1 free)" | xargs; }

say 'more vCPUs than a node has, in huge pages of both'
huge_pages 128 128
! "$moat" run -kernel "$guest_kernel" -m 512M -hugepages 2M -place node=1 \
	"${devices[@]}" 2> "$work/short.log" || fail 'it ran with too few huge pages'
has "$work/short.log" '128 are free on node 1' '128 are missing' \
	"echo 256 > $(huge 1 nr)"
"$moat" plan "${devices[@]}" -smp 3 -m 384M -hugepages 2M --json > "$work/plan.json"
is 'CPUs of the plan in JSON' \
	"$(sed -n 's/.*"cpu": *\([0-9]*\).*/\1/p' "$work/plan.json" | xargs)" '2 3 0'
"$moat" plan "${devices[@]}" -smp 3 -m 384M -hugepages 2M --svg "$work/plan.svg" > /dev/null
has "$work/plan.svg" '<svg ' 'node 1' 'node 0' "${nvme#0000:}" "${nic#0000:}" \
	'group' 'MiB of RAM' '3 vCPUs, 384 MiB' '</svg>'
start spread -smp 3 -m 384M -hugepages 2M
is 'CPUs of vCPU 0' "$(allowed '*/vcpu0')" 2
is 'CPUs of vCPU 1' "$(allowed '*/vcpu1')" 3
is 'CPUs of vCPU 2' "$(allowed '*/vcpu2')" 0
# The disk has a queue for each vCPU, and one to be told what to do.
want=$(want_interrupts spread 2 3 0)
is 'the guest'\''s CPUs with an interrupt' "$(tr ' ' '\n' <<< "$want" | sort -u | xargs)" '0 2 3'
becomes 'CPUs of the interrupts' "$want" interrupts_go_to
# The devices' node is the guest's first.
has "$work/spread.log" 'node of the disk: 0' 'node of the NIC: 0' \
	'complaints: 0' 'node0: CPUs 0-1, 256 MiB, distances 10 20' \
	'node1: CPUs 2, 128 MiB, distances 20 10' \
	'cpu0: package 0' 'cpu1: package 0' 'cpu2: package 1'
is 'RAM from node 1' "$(ram bind:1)" 0:128
is 'RAM from node 0' "$(ram bind:0)" 64:0
is 'free huge pages' "$(free_huge_pages)" '64 0'
stop

say 'who populates it'
cat > "$work/traced-moat" <<-END
	#!/bin/sh
	exec strace -f --seccomp-bpf -e trace=mbind,madvise,sched_setaffinity \
		-e signal=none -o "$work/populate" "$moat" "\$@"
END
chmod 755 "$work/traced-moat"
echo 'echo up' > "$work/short"
moat=$work/traced-moat guest_start populated "$work/short" "${devices[@]}" \
	-smp 3 -m 384M -hugepages 2M
wait "$guest" || fail "moat run: status $?"
# RAM is bound before it is touched, and touched from its node: threads that
# may run on CPUs 2-3 for node 1, and on 0-1 for node 0.
perl -ne '
	/^(\d+)/; $thread = $1;
	push @bound, [hex $1, $2, hex $3 == 2 ? 1 : 0]
		if /mbind\(0x([0-9a-f]+), (\d+), MPOL_BIND, \[(0x[0-9a-f]+)/;
	$cpus{$thread} = $1 if /sched_setaffinity\(0, \d+, \[(\d+ \d+)/;
	next unless /madvise\(0x([0-9a-f]+), \d+, (MADV_POPULATE_WRITE|0x17)/;
	$addr = hex $1;
	($in) = grep { $addr >= $$_[0] && $addr < $$_[0] + $$_[1] } @bound;
	die "not bound yet: $_" unless $in;
	$want = $$in[2] ? "2 3" : "0 1";
	die "from CPUs $cpus{$thread} for node $$in[2]: $_" if $cpus{$thread} ne $want;
	$touched[$$in[2]]++;
	END { print "$touched[1] $touched[0]\n" }' \
	"$work/populate" > "$work/populated" || {
	grep -vE '^[0-9]+ +madvise.*MADV_(DONT|COLD|FREE)' "$work/populate" | head -n 60
	fail 'RAM is populated from elsewhere'
}
cat "$work/populated"
grep -qE '^[1-9][0-9]* [1-9][0-9]*$' "$work/populated" ||
	fail 'one node has not been populated'

say 'the devices'\'' node is short of memory'
huge_pages 192 64
start far -smp 1 -m 384M -hugepages 2M
is 'CPUs of vCPU 0' "$(allowed '*/vcpu0')" 0
is 'CPUs of the NIC'\''s thread' "$(allowed 'ports/*')" 2
becomes 'CPUs of the interrupts' '0 0' interrupts_go_to
is 'free huge pages' "$(free_huge_pages)" '0 64'
# Neither is on the guest's only node.
has "$work/far.log" 'node of the disk: -1' 'node of the NIC: -1' 'complaints: 0'
stop

say 'somebody takes the huge pages that the plan counted on'
# It was made when moat says where RAM is to come from.
cat > "$work/slow-moat" <<-END
	#!/bin/sh
	exec strace -f --seccomp-bpf -e trace=mbind -e signal=none \
		-e inject=mbind:delay_enter=5000000 -o "$work/mbind" "$moat" "\$@"
END
chmod 755 "$work/slow-moat"
reserved() { [ "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages)" = 64 ]; }
# taken NAME [moat option]...: a guest that finds none on the devices' node
taken() {
	local name=$1

	shift
	huge_pages 64 64
	moat=$work/slow-moat guest_start "$name" "$work/script" "${devices[@]}" \
		-m 128M -hugepages 2M "$@"
	in_time reserved || fail "$name: $(cat "$work/$name.moat.log")"
	echo 0 > "$(huge 1 nr)"
	is 'free huge pages' "$(free_huge_pages)" '64 0'
}
taken elsewhere
guest_says elsewhere 'looked around'
has "$work/elsewhere.moat.log" \
	'somebody took huge pages of node 1 while guest RAM was populated: some of it comes from other nodes'
is 'free huge pages' "$(free_huge_pages)" '0 0'
has "$work/elsewhere.log" 'node of the disk: -1' 'complaints: 0'
pkill -TERM -P "$guest" -x moat
wait "$guest" || fail "moat run: status $?"
taken strict -place node=1
! wait "$guest" || fail 'it ran with memory of another node'
has "$work/strict.moat.log" \
	'somebody else took huge pages on node 1 that were free for guest RAM of 128 MiB'
huge_pages 0 0

say off
start off -smp 2 -m 384M -place off
is 'CPUs of all threads' "$(allowed '*')" 0-3
has "$work/off.log" 'node of the disk: -1' 'node of the NIC: -1' \
	'node0: CPUs 0-1, 384 MiB' 'cpu1: package 0'
# All of the device's node: the kernel's own choice.
becomes 'CPUs of the interrupts' '2-3 2-3 2-3' interrupts_go_to
is 'RAM bound to node 1' "$(ram bind:1)" 0:0
is 'RAM bound to node 0' "$(ram bind:0)" 0:0
stop
is 'IOMMU faults' "$(faults)" 0
say 'threads, RAM and interrupts were where they belong'
