#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The lab keeps its word: statuses, results, the read-only host.

set -euo pipefail
lab=$(dirname "$0")/lab
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# gives STATUS ARGUMENT...
gives() {
	local want=$1 status=0

	shift
	"$lab" "$@" > "$out/log" 2>&1 || status=$?
	[ "$status" = "$want" ] || {
		echo "FAIL: lab $* gives $status, not $want"
		cat "$out/log"
		exit 1
	}
}

gives 125 --no-such-option -- true
gives 125 --mem 4G
gives 124 --timeout 3 -- sleep 1000
mkdir "$out/back"
# shellcheck disable=SC2016 # expanded in the machine
gives 7 --out "$out/back" --iommu none -- sh -c '
	cat /proc/uptime /etc/hostname > "$LAB_OUT/result" &&
	! touch "$0" 2>/dev/null &&
	[ ! -e /sys/kernel/iommu_groups/0 ] && exit 7' "$0"
[ -s "$out/back/result" ] || { echo 'FAIL: nothing came back'; exit 1; }
echo '* statuses, results and the read-only host'
