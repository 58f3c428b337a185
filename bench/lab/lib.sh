# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the benchmarks that run in a lab machine share; sourced by them, under
# scripts/bench. Each leaves NAME.json files in $LAB_OUT. BENCH_SHORT is set
# for few samples, BENCH_ROUNDS if there is to be a number of them. A line
# "# lab: OPTIONS" in a script's head says what its machine needs, as options
# of tests/lab/lab.

# shellcheck source=../../tests/lab/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tests/lab/lib.sh"

# shellcheck disable=SC2034 # for who sources this
bench=$build/moat-bench
short=${BENCH_SHORT:-}

# either LONG SHORT: which of them is to be measured
either() { if [ -z "$short" ]; then echo "$1"; else echo "$2"; fi; }

# reserve SIZE_KB N: so many huge pages of that size, over all nodes. False if
# there is no room for them.
reserve() {
	local file=/sys/kernel/mm/hugepages/hugepages-$1kB/nr_hugepages

	[ -e "$file" ] || return 1
	echo 1 > /proc/sys/vm/compact_memory 2>/dev/null || :
	echo "$2" > "$file"
	[ "$(cat "$file")" = "$2" ]
}

# The median of the numbers in standard input.
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# in_turns ROUND ITEM...: the items, a line each, in the order of this round:
# of every other one, the reverse. What grows slower or faster while all of it
# runs favours none of them.
in_turns() {
	local round=$1 i

	shift
	if [ $((round % 2)) = 0 ]; then
		printf '%s\n' "$@"
	else
		for ((i = $#; i > 0; i--)); do echo "${!i}"; done
	fi
}

# say_round ROUND N WHAT: where it is at; the first ROUND is 0
say_round() { say "round $(($1 + 1)) of $2: $3"; }
