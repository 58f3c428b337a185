#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue items 51, 52, 53 and 56: devices in the middle of transfers when
# their guest powers off, is told to end, is killed, or has its RAM truncated;
# when they are reset; and when one is taken from a guest whose other vCPU
# turns its bus mastering on all the time. A process that takes each page of
# guest RAM as it becomes free fills it with a pattern, of which no byte
# changes. The disk is so slow that its commands would land seconds later; that
# the pattern shows what does, tests/lab/none-kill.sh shows.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pages=/sys/devices/system/node/node0/hugepages/hugepages-2048kB
echo 128 > $pages/nr_hugepages
is 'huge pages' "$(cat $pages/free_hugepages)" 128

# The disk's reads, and how long they take: see slow_disk in CMakeLists.txt.
under_way=63 lands_s=$((63 / 15 + 2))

# edu's transfers end 100 ms after they have begun.
cat > "$work/busy" <<'END'
. guest.sh
disk=$(nvme_bdf)
edu $(nth_pci 1 0x1234:0x11e8) forever > /dev/null &
nvme $disk linger &
[ "$(cat /bin/end)" = power-off ] || sleep 1000
# The host says when, by a register of edu's, of which reading gives the
# complement.
told() { [ "$(pci $(nth_pci 1 0x1234:0x11e8) bar 0 4.4)" = 0xfffffffe ]; }
wait_for told
END

power_off() { "$build/tests/lab/pci" "$edu" bar 0 4.4 1; }
told() { kill -TERM "$guest"; }
killed() { kill -KILL "$guest"; }
truncated() {
	local fd

	fd=$(find "/proc/$guest/fd" -lname '*memfd:*' | head -n 1)
	[ -n "$fd" ] || fail 'moat holds no file with guest RAM'
	truncate -s 0 "$fd"
}

# ends HOW STATUS: the guest, in the middle of transfers
ends() {
	local how=$1 line status=0

	# Until `moat release` they have no driver that would use them.
	"$moat" bind "$edu" "$nvme"
	echo "${how//_/-}" > "$work/end"
	GUEST_MORE="$work/end:/bin/end" attackers_start "$how" "$work/busy" \
		-m 256M -smp 2 -hugepages 2M -pcidevice "host=$edu" \
		-pcidevice "host=$nvme"
	# Some have come to the guest: the device does reach its memory.
	guest_says "$how" "linger: $under_way under way, some"
	coproc GRAB { exec "$build/tests/lab/pages" grab 128; }
	# shellcheck disable=SC2153 # coproc sets it
	local grab_out=${GRAB[0]} grab_in=${GRAB[1]} grab_pid=$GRAB_PID
	read -r line <&"$grab_out"
	is 'the grabber' "$line" waiting
	for device in "$edu" "$nvme"; do
		masters_bus "$device" || fail "$device does nothing"
	done
	has <(grep "came$" "$work/$how.log" | tail -n 1) \
		"linger: $under_way under way"
	"$how"
	wait "$guest" || status=$?
	is "status of moat, $how" "$status" "$2"
	for device in "$edu" "$nvme"; do
		! masters_bus "$device" || fail "$how: $device is left a bus master"
	done
	read -r line <&"$grab_out"
	is 'pages of the dead' "$line" 'grabbed 128'
	sleep $lands_s # what was under way would have landed by now
	echo >&"$grab_in"
	read -r line <&"$grab_out"
	wait "$grab_pid" || fail "$how: $line"
	is 'what changed' "$line" 'changed: 0 words in 0 of 65536 pages'
	"$moat" release
	"$moat" release || fail 'nothing to release is no error'
	given_back "$edu" ''
	given_back "$nvme" nvme
	is "faults, $how" "$(faults)" 0
	say "$how: nothing lands in memory that was the guest's"
}

ends power_off 0
ends told 0
ends killed 137
item 52 'what was under way when the guest ended changes nothing'
ends truncated 1
has "$work/truncated.moat.log" 'the host memory behind a guest address is gone'
item 56 'killed, released twice, RAM truncated: the devices are quiet, and the host is as it was'

# ---- resets ----

cat > "$work/resets" <<'END'
. guest.sh
disk=$(nvme_bdf)
nvme $disk own
nvme $disk reset
nvme $disk own
END
attackers resets "$work/resets" -m 256M -pcidevice "host=$nvme,managed=on"
has "$work/resets.log" 'reset: nothing came after it'

# The guest boots again, with transfers under way.
cat > "$work/reboots" <<'END'
. guest.sh
disk=$(nvme_bdf)
edu=$(nth_pci 1 0x1234:0x11e8)
if ! edu $edu liveness-kept; then
	edu $edu liveness
	edu $edu forever > /dev/null &
	nvme $disk flood > flood.log &
	wait_for grep -q commands flood.log
	reboot -f
	sleep 100
fi
secret > secret.log &
wait_for grep -q 'stands 3' secret.log
nvme $disk own
edu $edu write-own
echo 'the second time is like the first'
END
GUEST_RESETS=1 attackers reboots "$work/reboots" -m 256M \
	-pcidevice "host=$edu,managed=on" -pcidevice "host=$nvme,managed=on"
has "$work/reboots.log" 'the second time is like the first'
item 53 'a reset is the end of what was under way'

# ---- taken away ----

cat > "$work/taken" <<'END'
. guest.sh
edu=$(nth_pci 1 0x1234:0x11e8)
disk=$(nvme_bdf)
edu $edu forever > /dev/null &
(while :; do pci $edu cfg 4.2 2; pci $edu cfg 4.2 6; done) > /dev/null 2>&1 &
echo busy
gone() { [ "$(pci $edu cfg 0.4)" = 0xffffffff ]; }
wait_for gone
nvme $disk own
echo 'and goes on'
END
before=$(faults)
attackers_start taken "$work/taken" -m 256M -smp 2 \
	-pcidevice "host=$edu,managed=on,onerror=withdraw" \
	-pcidevice "host=$nvme,managed=on"
guest_says taken busy
sleep 1
echo "$edu" > /sys/bus/pci/drivers/vfio-pci/unbind
for _ in $(seq 20); do
	! masters_bus "$edu" || fail 'edu masters the bus after it was taken'
	sleep 0.05
done
wait "$guest" || fail "moat run: status $?"
has "$work/taken.log" 'and goes on' 'guest: status 0'
is 'IOMMU faults' "$(faults)" "$before"
given_back "$edu" ''
item 51 'bus mastering is off before a device is let go, whatever the guest does'
say 'the end of a guest is the end of its transfers'
