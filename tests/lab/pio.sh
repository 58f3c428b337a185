#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Three NICs of one kind in one guest, each with another pio=: the guest sees
# the same of their ports; on the host the threads that are to have the
# permission get it while the guest decodes the ports, and none keeps it.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

nics=("$nic" 0000:00:06.0 0000:00:0a.0)
modes=(vfio direct thread)

cat > "$work/script" <<'END_OF_SCRIPT'
. lib.sh
for dir in /sys/bus/pci/devices/*; do
	[ "$(cat "$dir/vendor"):$(cat "$dir/device")" = 0x8086:0x10d3 ] || continue
	nic=${dir##*/}
	if [ -e "$dir/driver" ]; then echo "$nic" > "$dir/driver/unbind"; fi
	ports "$nic" | sed "s/^/$nic: /"
done
END_OF_SCRIPT

cat > "$work/moat" <<END_OF_SCRIPT
#!/bin/sh
exec strace -f --seccomp-bpf -e trace=ioperm -e signal=none -o "$work/trace" "$moat" "\$@"
END_OF_SCRIPT
chmod +x "$work/moat"
"$moat" bind "${nics[@]}"
moat=$work/moat
args=()
for i in 0 1 2; do
	args+=(-pcidevice "host=${nics[i]},name=${modes[i]},pio=${modes[i]}")
done
GUEST_ADD="$build/tests/lab/ports:/bin/ports" \
	guest pio "$work/script" -m 160M -smp 2 "${args[@]}"

# Each sits alone behind a root port, in the order they were given.
lines() { tr -d '\r' < "$work/pio.log" | sed -n "s/^0000:0$1:00.0: //p"; }
want=$(lines 1)
is 'lines to compare' "$(grep -c '^cpu [01]:' <<< "$want")" 4
has <(echo "$want") 'ports: done'

for i in 0 1 2; do
	is "the ports with pio=${modes[i]}" "$(lines $((i + 1)))" "$want"
	read -r port _ < <(sed -n 3p "/sys/bus/pci/devices/${nics[i]}/resource")
	printf -v port '0x%x' "$port"
	grep -F "ioperm($port, 0x20, " "$work/trace" > "$work/calls.log" || :
	# Threads that ever had the permission, and those that kept it.
	threads=$(awk '/, 1[) ]/ { n[$1] } END { print length(n) }' "$work/calls.log")
	kept=$(awk '{ last[$1] = $0 }
		END { for (t in last) if (last[t] !~ /, 0[) ]/) print last[t] }' "$work/calls.log")
	is "threads that keep ports with pio=${modes[i]}" "$kept" ''
	case ${modes[i]} in
	# Whether it may is tried at open, on a thread of its own.
	vfio) is 'threads with ports' "$threads" 0 ;;
	direct) is 'threads with ports: one to try and each vCPU' "$threads" 3 ;;
	thread) is 'threads with ports: one to try and one to serve' "$threads" 2 ;;
	esac
done
"$build/moat" release
is 'IOMMU faults' "$(faults)" 0
say 'ports: the same by VFIO, on the vCPUs, and on a thread'
