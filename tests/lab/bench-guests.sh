#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The benchmarks with guests, with as few samples as they take: that each runs
# to its end and its files have what they are to have, from moat and from
# QEMU's vfio-pci. What comes out is not looked at, but for what is no time:
# each further device takes less than 256 KiB, and none a thread.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

lab=$here/../../bench/lab
export BENCH_SHORT=1 LAB_OUT=$work/out
mkdir "$LAB_OUT"

# series FILE QUANTITY LABELS...: there are samples of each
series() {
	local file=$LAB_OUT/$1.json quantity=$2 labels

	shift 2
	for labels; do
		grep -A1 -F "\"name\":\"$labels\"" "$file" |
			grep -F "\"quantity\":\"$quantity\"" > /dev/null ||
			fail "no $quantity of $labels in ${file##*/}"
	done
}

# median_of FILE LABELS
median_of() {
	perl -MJSON::PP -e '
		local $/;
		my ($file, $name) = @ARGV;
		open my $in, "<", $file or die "$file: $!";
		for (@{decode_json(<$in>)->{series}}) {
			printf "%d\n", $_->{median} if $_->{name} eq $name;
		}' "$LAB_OUT/$1.json" "$2"
}

for name in scale nvme start; do
	"$lab/$name.sh" > "$work/$name.log" 2>&1 || fail "$name: status $?"
	say "$name: done"
done

for vmm in moat qemu; do
	series start time "vmm=$vmm until=serial pages=2M ram=1024"
	series start-memory private-memory "vmm=$vmm pages=2M ram=256"
	series nvme-latency latency "vmm=$vmm block=4096 depth=1"
	series nvme-throughput throughput "vmm=$vmm block=131072 depth=32"
done
series start time 'vmm=moat until=entry pages=2M ram=256' \
	'vmm=moat until=rest pages=2M ram=1024'
series start time 'vmm=moat took=populate pages=2M ram=256' \
	'vmm=moat took=map pages=2M ram=1024'
# Not every machine has one of those together; then that is said.
grep -F 'pages=1G ram=1024' "$LAB_OUT/start.json" > /dev/null ||
	fail 'nothing of pages of 1 GiB'
series start-populate populate 'pages=2M ram=256 threads=1' \
	'pages=2M ram=256 threads=2'
series scale-devices time devices=1 devices=16
series scale-guests time guests=1 guests=2
for what in threads fds eventfds; do
	series scale-devices-count number "what=$what devices=1" \
		"what=$what devices=16"
	series scale-guests-count number "what=$what guests=1" "what=$what guests=2"
done
has "$LAB_OUT/nvme-latency.json" 'vmm=moat / vmm=qemu'

further=$(median_of scale-further-memory devices=further)
[ "$further" -lt 256 ] || fail "$further KiB for each further device"
is 'threads with 16 devices' "$(median_of scale-devices-count 'what=threads devices=16')" \
	"$(median_of scale-devices-count 'what=threads devices=1')"
say "each further device takes $further KiB"
