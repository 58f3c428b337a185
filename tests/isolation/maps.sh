#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Catalogue items 3, 5, 7, 10, 11, 24, 27, 34, 50, 55, 57 and 58, with maps
# finer than a guest's RAM: see probe.c.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$moat" bind "$edu"
probe_run maps all
has "$work/maps.log" 'overlaps 0xfee00000-0xfeefffff, which is reserved'

# As one who may lock no more than a few pages.
before=$(faults)
(
	ulimit -l 64
	exec setpriv --bounding-set=-ipc_lock,-sys_resource \
		--inh-caps=-ipc_lock,-sys_resource "$probe" "$edu" memlock
) > "$work/memlock.log" 2>&1 || fail "probe memlock: status $?"
is 'faults' "$(faults_since "$before")" 1
has "$work/memlock.log" 'refused:' 'ulimit -l'
grep 'isolation item' "$work/memlock.log"

# A child that goes on has nothing of the device, whose owner is killed in the
# middle of a transfer.
"$probe" "$edu" hold sleep 1000 > "$work/hold.log" 2>&1 &
holder=$!
in_time grep -q held "$work/hold.log" || fail 'the probe holds nothing'
child=$(sed -n 's/^held, and its child is //p' "$work/hold.log")
becomes 'the child' sleep cat "/proc/$child/comm"
if find "/proc/$holder/fd" -printf '%l\n' | grep -c vfio > "$work/fds"; then
	say "the owner has $(cat "$work/fds") files of VFIO's"
else
	fail 'the owner has no file of VFIO'
fi
if find "/proc/$child/fd" -printf '%l\n' | grep -E 'vfio|iommu'; then
	fail 'the child has files of the owner'
fi
masters_bus "$edu" || fail 'edu should be a bus master'
kill -9 "$holder"
wait "$holder" || :
! masters_bus "$edu" || fail 'edu is left a bus master'
probe_run again unmap
kill "$child"
wait "$child" 2>/dev/null || :
item 57 'a child inherits nothing, and keeps nothing alive'
say 'maps hold, byte for byte'
