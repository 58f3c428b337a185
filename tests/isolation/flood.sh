#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue item 59: a guest's disk is given lists of pages where the guest has
# no memory, as fast as it takes them. The host reports the faults, but not each
# of them, and another guest's disk goes on. How much of its speed is left is
# printed, beside what is left with the attacker at rest and at work in its own
# memory; docs/isolation.md says why no more is asked for than that it goes on.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# A disk that is none, and so is as fast as a controller can be.
attacker=0000:01:00.0
outside=0x40000000
phase_s=5 rounds=4
log_lines() { dmesg | grep -c 'DMAR: .*fault addr' || :; }

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
for round in \$(seq $rounds); do
	echo "phase idle \$round"; sleep $phase_s
	echo "phase own \$round"; timeout $phase_s nvme \$disk flood || :
	echo "phase bad \$round"; timeout $phase_s nvme \$disk flood $outside || :
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

# What the victim had done by when, in its own milliseconds: "COUNT MS"
progress() { sed -n 's/^flood: \([0-9]*\) commands, \([0-9]*\) ms$/\1 \2/p' "$work/victim.log" | tail -n 1; }

guest_says attack 'phase idle 1'
read -r count ms < <(progress)
faults_before=$(faults) lines_before=$(log_lines)
declare -A done_in=([idle]=0 [own]=0 [bad]=0) ms_in=([idle]=0 [own]=0 [bad]=0)
for ((round = 1; round <= rounds; round++)); do
	for phase in idle own bad; do
		case $phase in
		idle) next="phase own $round" ;;
		own) next="phase bad $round" ;;
		bad) next="phase idle $((round + 1))" ;;
		esac
		[ "$round $phase" != "$rounds bad" ] || next='phase end'
		guest_says attack "$next"
		read -r count_now ms_now < <(progress)
		done_in[$phase]=$((${done_in[$phase]} + count_now - count))
		ms_in[$phase]=$((${ms_in[$phase]} + ms_now - ms))
		count=$count_now ms=$ms_now
	done
done
wait "$guest" || fail "moat run: status $?"
has "$work/attack.log" 'guest: status 0'
bad_commands=$(awk '/^phase/ { bad = $2 == "bad" }
	bad && /commands/ { n[++k] = $2; if (n[k] < n[k - 1]) sum += n[k - 1] }
	END { print sum + n[k] }' "$work/attack.log")
reported=$(($(faults) - faults_before)) lines=$(($(log_lines) - lines_before))

declare -A speed
for phase in idle own bad; do
	speed[$phase]=$((${done_in[$phase]} * 1000 / ${ms_in[$phase]}))
	say "the other guest's disk with the attacker $phase: ${speed[$phase]} commands a second"
done
say "$bad_commands commands with a bad list, $reported faults reported, $lines lines in the host's log"
[ "$bad_commands" -ge 1000 ] || fail 'that is no flood'
[ "$reported" -ge 10 ] || fail 'the faults are not reported'
[ "$lines" -le $((10 * (rounds * phase_s * 3 / 5 + 1))) ] ||
	fail "the host's log is flooded"
say "$((speed[bad] * 100 / speed[idle])) % of the speed are left"
[ "${done_in[bad]}" -ge 1000 ] || fail 'the other guest does not go on'
fault_logged "$attacker" Read $outside 06
if dmesg | grep -E 'soft lockup|rcu.*stall|hung task|WARNING:|BUG:'; then
	fail 'the host suffers'
fi
kill -TERM "$victim"
wait "$victim" || fail "the victim: status $?"
item 59 'in a flood of faults the host stands, and another guest goes on'
