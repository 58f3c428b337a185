#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue item 59: a guest's disk is given lists of pages where the guest has
# no memory, as fast as it takes them. Of them nothing is read and nothing
# written; the host reports the faults, but not each of them; and another
# guest's disk keeps half its speed. The lab has two processors for two guests
# and the thread of all disks, so that speed is what it has beside an attacker
# who takes as much of them without a fault: who computes, or whose disk refuses
# its commands by itself. docs/isolation.md has more about that.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# A disk that is none, and so is as fast as a controller can be.
attacker=0000:01:00.0
phase_s=5 rounds=3
phases=(idle computes refused own bad)
log_lines() { dmesg | grep -c 'DMAR: .*fault addr' || :; }
canary $((1 << 30))
# Two entries up to the end of the page. QEMU's controller reads a list up to
# there, 8 bytes at a time, each of them a fault: from the page's start that
# is 512 for a command, and the emulation of the unit takes all of their thread.
list=$(printf '%#x' $((canary_addr + 4096 - 2 * 8)))

cat > "$work/victim" <<'END'
. guest.sh
disk=$(nvme_bdf)
nvme $disk own
nvme $disk flood
END
cat > "$work/attack" <<END
. guest.sh
disk=\$(nvme_bdf)
nvme \$disk own
echo ready
while :; do :; done &
computing=\$!
kill -STOP \$computing
for round in \$(seq $rounds); do
	echo "phase idle \$round"; sleep $phase_s
	echo "phase computes \$round"; kill -CONT \$computing; sleep $phase_s; kill -STOP \$computing
	echo "phase refused \$round"; timeout $phase_s nvme \$disk refused || :
	echo "phase own \$round"; timeout $phase_s nvme \$disk flood || :
	echo "phase bad \$round"; timeout $phase_s nvme \$disk flood $list || :
done
echo 'phase end'
nvme \$disk own
END

attackers_start victim "$work/victim" -m 128M -name victim -place cpus=1 \
	-pcidevice "host=$nvme,managed=on"
victim=$guest
guest_says victim 'commands'
attackers_start attack "$work/attack" -m 128M -name attacker -place cpus=0 \
	-pcidevice "host=$attacker,managed=on"

# progress GUEST: what it had done by when, in its own milliseconds: "COUNT MS"
progress() { sed -n 's/^flood: \([0-9]*\) commands, \([0-9]*\) ms,.*/\1 \2/p' "$work/$1.log" | tail -n 1; }

guest_says attack 'phase idle 1'
read -r count ms < <(progress victim)
faults_before=$(faults) lines_before=$(log_lines)
declare -A done_in ms_in
for ((round = 1; round <= rounds; round++)); do
	for ((i = 0; i < ${#phases[@]}; i++)); do
		phase=${phases[i]}
		if [ $((i + 1)) -lt ${#phases[@]} ]; then
			next="phase ${phases[i + 1]} $round"
		elif [ "$round" -lt $rounds ]; then
			next="phase ${phases[0]} $((round + 1))"
		else
			next='phase end'
		fi
		guest_says attack "$next"
		read -r count_now ms_now < <(progress victim)
		done_in[$phase]=$((${done_in[$phase]:-0} + count_now - count))
		ms_in[$phase]=$((${ms_in[$phase]:-0} + ms_now - ms))
		count=$count_now ms=$ms_now
	done
done
wait "$guest" || fail "moat run: status $?"
has "$work/attack.log" 'guest: status 0'

# commands_in PHASE: how many the attacker's disk took
commands_in() {
	awk -v phase="$1" '/^phase/ { in_it = $2 == phase; last = 0 }
		in_it && /^flood: / { sum += $2 - last; last = $2 }
		END { print sum + 0 }' "$work/attack.log"
}

declare -A speed
for phase in "${phases[@]}"; do
	speed[$phase]=$((${done_in[$phase]} * 1000 / ${ms_in[$phase]}))
	say "the other guest's disk with the attacker $phase: ${speed[$phase]} commands a second; the attacker's $(commands_in "$phase") in all"
done
reported=$(($(faults) - faults_before)) lines=$(($(log_lines) - lines_before))
bad_commands=$(commands_in bad)
say "$bad_commands commands with a bad list, $reported faults reported, $lines lines in the host's log"
[ "$bad_commands" -ge 1000 ] || fail 'that is no flood'
[ "$reported" -ge 10 ] || fail 'the faults are not reported'
[ "$lines" -le $((10 * (rounds * phase_s * 3 / 5 + 1))) ] ||
	fail "the host's log is flooded"
# What was to land landed, and what was not did not: "Data Transfer Error", which
# says not to try again.
is 'lists of its own' "$(grep -c '^flood 0: status 0, the second page came' "$work/attack.log")" $rounds
is 'lists at the canary' "$(grep -c "^flood $list: status 0x4004, the second page did not come" "$work/attack.log")" $rounds
! grep -q "$canary_secret" "$work/attack.log" || fail 'the secret leaked'
fault_logged "$attacker" Read "$canary_addr" 06

for phase in idle computes refused own; do
	say "beside the flood there are $((speed[bad] * 100 / speed[$phase])) % of the speed with the attacker $phase"
done
for phase in computes refused; do
	[ $((speed[bad] * 2)) -ge "${speed[$phase]}" ] ||
		fail "the faults take more than half of the other guest's speed"
done
if dmesg | grep -E 'soft lockup|rcu.*stall|hung task|WARNING:|BUG:'; then
	fail 'the host suffers'
fi
kill -TERM "$victim"
wait "$victim" || fail "the victim: status $?"
has "$work/victim.log" 'the last with status 0'
canary_stands
item 59 'in a flood of faults the host stands, and another guest goes on'
