#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# From samples to a page: lines, bars and ratios are drawn, and the page is
# whole by itself. Takes the program.

set -euo pipefail

command -v gnuplot > /dev/null || { echo 'skipped: no gnuplot'; exit 77; }
bench=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAIL: $*"; exit 1; }

for round in 1 2 3 4 5 6 7; do
	for size in 4096 1048576; do
		echo "way=a size=$size $((round * size))"
		echo "way=b size=$size $((round * size * 2))"
	done
done | "$bench" record lines -unit ns -x size -compare 'way=a size=4096/way=b size=4096' \
	-json "$work/lines.json" > /dev/null
printf 'pio=direct 1\npio=vfio 2\n' |
	"$bench" record bars -unit ns -json "$work/bars.json" \
		-note '`touch '"$work"'/x` and <b>' > /dev/null
"$bench" report "$work" > "$work/log" 2>&1 || { cat "$work/log"; fail report; }

for file in lines-time lines-ratios bars-time; do
	grep -q '</svg>' "$work/$file.svg" || fail "no $file.svg"
done
[ "$(grep -c 'class=.*yerrorlines\|<title>' "$work/lines-time.svg")" != 0 ] ||
	fail 'nothing in lines-time.svg'
[ "$(grep -o 'src="data:image/svg' "$work/index.html" | wc -l)" = 3 ] ||
	fail 'not three pictures in the page'
! grep -qE '(src|href)="(http|/)' "$work/index.html" ||
	fail 'the page needs something from elsewhere'
[ ! -e "$work/x" ] || fail 'gnuplot ran a command'
! grep -q 'warning' "$work/log" || { cat "$work/log"; fail 'gnuplot warns'; }
grep -q '^open  *>= 0.95 .*dma-fence.json is not there' "$work/log" ||
	fail 'no table of the targets'
