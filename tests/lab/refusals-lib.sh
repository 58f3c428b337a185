# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of moat's refusals share; sourced after lib.sh.
# shellcheck disable=SC2154 # work and build are its

state() {
	ls -l /sys/bus/pci/devices/*/driver
	grep . /sys/bus/pci/devices/*/driver_override
	find /run/moat -type f 2>/dev/null || :
}

# refuses STATUS MESSAGE moat-argument...
refuses() {
	local want=$1 message=$2 status=0 before

	shift 2
	before=$(state)
	"$moat" "$@" > "$work/out" 2> "$work/err" < /dev/null || status=$?
	# How much memory the host has left is another number each time, and so
	# may be the node that a guest is put on; and its RAM is there before its
	# device is, or after it.
	sed -i 's/[0-9]* MiB are available/N MiB are available/
		s/ on node [01],/ on node N,/; s|/node/node[01]/|/node/nodeN/|
		s/^moat: [^:]*[^,]*: \(pinning\|the kernel does not pin\) /moat: \1 /' \
		"$work/err"
	is "message of moat $*" "$(cat "$work/err")" "moat: $message"
	is "status of moat $*" "$status" "$want"
	is "the host after moat $*" "$(state)" "$before"
}

# as_user COMMAND...: with $moat started by nobody, who may use KVM and lock
# no more than $locked KiB of memory
as_user() {
	local moat

	moat=$(mktemp -p "$work")
	cat > "$moat" <<-END
	#!/bin/bash
	ulimit -l ${locked:-unlimited} || exit 99
	exec setpriv --reuid=65534 --regid=65534 --clear-groups $build/moat "\$@"
	END
	chmod 777 "$work"
	chmod 755 "$moat"
	chmod 666 /dev/kvm
	"$@"
}
