#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Counts the instructions of the software unit's operations, and compares
# them with what they may be: cost.sh PROGRAM

set -eu
program=$1
rounds=64
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

if ! command -v valgrind >/dev/null; then
	[ -z "${CI:-}" ] || exit 1
	echo 'skipped: valgrind is not there; scripts/setup installs it'
	exit 77
fi

"$program" >"$dir/times"
valgrind --tool=callgrind --compress-strings=no --compress-pos=no \
	--callgrind-out-file="$dir/calls" "$program" "$rounds" \
	>/dev/null 2>"$dir/log" || {
	cat "$dir/log"
	exit 1
}

# A call's cost is on the line after the "calls=" line, in its last field.
awk '
	FNR == 1 { file++ }
	file == 1 { ns[$1] = $2; order[++n] = $1; next }
	file == 2 { limit[$1] = $2; leaves[$1] = $3; next }
	/^fn=/ { fn = substr($0, 4); sub(/\047.*/, "", fn) }
	/^calls=/ {
		split($1, part, "=")
		if (fn ~ /^measure_/) {
			calls[substr(fn, 9)] += part[2]
			getline
			cost[substr(fn, 9)] += $NF
		}
	}
	END {
		printf "%-14s %12s %8s %6s %12s\n", "", "instructions", \
			"a leaf", "limit", "ns"
		for (i = 1; i <= n; i++) {
			name = order[i]
			if (!calls[name]) {
				print "nothing was counted of " name
				bad = 1
				continue
			}
			each = cost[name] / calls[name]
			leaf = each / (leaves[name] ? leaves[name] : 1)
			over = name in limit && limit[name] && \
				leaf > limit[name]
			printf "%-14s %12.1f %8.1f %6s %12d%s\n", name, each, \
				leaf, limit[name] ? limit[name] : "-", \
				ns[name], over ? "  TOO MANY" : ""
			bad = bad || over
		}
		exit bad
	}
' "$dir/times" - "$dir/calls" <<END
map_256x4k 12 256
unmap_256x4k 12 256
map_256x2m 0 256
unmap_256x2m 0 256
cached 60 1
walk 250 1
miss 640 1
END
