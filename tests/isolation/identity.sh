#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue items 12, 14 and 18: a guest's device does not reach another
# guest's memory, neither where it is in the host nor where it is in that
# guest; a device that no guest has any more reaches nothing; and a virtual
# function does not reach what is mapped for its physical function.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pf=0000:01:00.0 vf=0000:01:00.1
ram=$((256 << 20))
# Of the second node, whose memory is all above what a guest has.
echo 256 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
canary $((1 << 30))
"$moat" bind "$edu"

cat > "$work/victim" <<'END'
. guest.sh
mount_nvme
secret
END
attackers_start victim "$work/victim" -m 256M -hugepages 2M \
	-pcidevice "host=$nvme,managed=on"
victim=$guest
guest_says victim 'secret: stands'
read -r _ secret_at secret < <(grep '^secret 0x' "$work/victim.log")
in_host=$(host_address "$victim" "$secret_at")
[ $((in_host)) -ge $ram ] || fail "the secret lies at $in_host: no test"

cat > "$work/attack" <<END
. guest.sh
control
attack 12 write $in_host 05
attack 12 read $in_host 06
edu \$attacker read $secret_at
control
END
records_begin
attackers attack "$work/attack" -m 256M -pcidevice "host=$edu"
records_end "$work/attack.log" "$edu"
is 'faults' "$(wc -l < "$work/recorded")" 2
stands=$(grep -c 'secret: stands' "$work/victim.log")
guest=$victim
guest_says victim "secret: stands $((stands + 1))"
! grep -q "$secret" "$work/attack.log" || fail "the victim's secret leaked"
! grep -q 'has changed' "$work/victim.log" || fail 'the secret changed'
kill "$victim"
wait "$victim" || fail "moat run: status $?"
grep -h 'isolation item' "$work/attack.log"

# Nobody's device: bound to vfio-pci and not open, then with no driver at all.
# What it writes is what it was given to write last.
attack_as_nobody() {
	echo "fault Write $canary_addr 0$2" > "$work/owed-$1"
	records_begin
	"$build/tests/lab/edu" "$edu" write-now "$canary_addr"
	"$build/tests/lab/edu" "$edu" liveness
	records_end "$work/owed-$1" "$edu"
	"$build/tests/lab/pci" "$edu" cfg 4.2 0
	item 14 "a device reaches nothing $3"
}
attack_as_nobody bound 5 'when its guest is gone'
"$moat" release "$edu"
attack_as_nobody free 5 'when it is released'

# The virtual function, which its own guest's memory is mapped for.
echo 0 > "/sys/bus/pci/devices/$pf/sriov_drivers_autoprobe"
echo 1 > "/sys/bus/pci/devices/$pf/sriov_numvfs"
controller=/sys/bus/pci/devices/$pf/nvme/$(ls "/sys/bus/pci/devices/$pf/nvme")
"$build/tests/lab/nvme-virtual" "/dev/${controller##*/}" 1
# Without a fence it has no interrupt, and is not touched.
before=$(ls -l "/sys/bus/pci/devices/$vf" /run/moat 2>/dev/null || :)
! "$moat" run -kernel "$guest_kernel" -m 128M \
	-pcidevice "host=$vf,dma=none,managed=on" 2> "$work/none.log" ||
	fail 'a virtual function ran with dma=none'
has "$work/none.log" "$vf is a virtual function, which has no INTx, and with dma=none there is no other interrupt on this machine; assign it with dma=iommu, or its physical function"
is 'the virtual function afterwards' \
	"$(ls -l "/sys/bus/pci/devices/$vf" /run/moat 2>/dev/null || :)" "$before"
# Where the physical function's queue of completions is mapped for it.
queue=$("$build/tests/lab/pci" "$pf" bar 0 0x30.8)
[ $((queue)) -ge $ram ] || fail "the queue lies at $queue: no test"
cat > "$work/vf" <<END
. guest.sh
bdf=\$(nvme_bdf)
nvme \$bdf own
echo 'isolation item 18: write $queue'
nvme \$bdf write $queue
echo 'fault Write $queue 05'
echo 'isolation item 12: write $canary_addr'
nvme \$bdf write $canary_addr
echo 'fault Write $canary_addr 05'
nvme \$bdf own
END
"$moat" bind "$vf"
records_begin
attackers vf "$work/vf" -m 256M -pcidevice "host=$vf"
records_end "$work/vf.log" "$vf"
is 'own memory' "$(grep -c 'own: .* came' "$work/vf.log")" 2
# It works on: a reset takes commands.
echo 1 > "$controller/reset_controller"
is 'the physical function' "$(cat "$controller/state")" live
grep -h 'isolation item' "$work/vf.log"
canary_stands
say 'each device reaches what is its own guest'\''s, and no more'
