#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest whose four processors write random values to three devices at once,
# everywhere a guest can reach them, while they interrupt: the host neither
# falls nor says more than a few lines, moat is left with the files and
# mappings it had, and the next guest gets devices that work.
#
# Spared, since QEMU as the device would abort for them or this guest's own
# memory be written to: see guest/hostile.c.
#
#	hostile.sh [SECONDS [SEED]]

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

seconds=${1:-60} seed=${2:-$(od -An -tu4 -N4 /dev/urandom | tr -d ' ')}
# What the kernel may say of it, at its rate limit of ten in five seconds.
may_say=$((40 + seconds * 2))

# What is bound to what, and who has VFIO's files open.
state() {
	for link in /sys/bus/pci/devices/*/driver; do
		echo "$link is $(readlink "$link")"
	done
	grep . /sys/bus/pci/devices/*/driver_override
	find /run/moat -type f 2>/dev/null || :
	find /proc/[0-9]*/fd -lname '*vfio*' 2>/dev/null || :
	grep -c vfio /proc/interrupts || :
}

# held PID: what moat holds, without the addresses
held() {
	echo "files: $(find "/proc/$1/fd" -mindepth 1 | wc -l)"
	echo "mappings of devices: $(grep -c vfio "/proc/$1/maps")"
	find "/proc/$1/fd" -lname 'anon_inode:*' -printf '%l\n' | sort | uniq -c
}

# The host counts what the devices interrupt; /proc/interrupts forgets it with
# each change of the kind of interrupt.
tracing=/sys/kernel/tracing
handled=$tracing/events/irq/irq_handler_entry
interrupts() {
	sed -n 's/.*name: vfio-\([a-z]*\).*hitcount: *\([0-9]*\).*/\1 \2/p' \
		"$handled/hist" |
		awk '{ n[$1] += $2 } END { for (kind in n) printf "%s %d\n", kind, n[kind] }' |
		sort
}
mountpoint -q "$tracing" || mount -t tracefs none "$tracing"
echo 'hist:keys=name if name ~ "vfio*"' > "$handled/trigger"

mount_disk -o rw
dd if=/dev/urandom of=/mnt/from-host bs=1M count=4 status=none
host_sum=$(sha256sum < /mnt/from-host)
umount /mnt

cat > "$work/mad" <<END_OF_SCRIPT
. lib.sh
set -- \$(find_pci 0x1234:0x11e8) \$(find_pci 0x8086:0x10d3) \\
	\$(find_pci 0x1b36:0x0010)
for bdf; do
	dir=/sys/bus/pci/devices/\$bdf
	[ ! -e \$dir/driver ] || echo \$bdf > \$dir/driver/unbind
done
dmesg -n 1
hostile $seconds $seed "\$@"
END_OF_SCRIPT

cat > "$work/next" <<'END_OF_SCRIPT'
. lib.sh
mount_nvme
echo "disk: $(sha256sum < /mnt/from-host)"
umount /mnt
net_up
wget -q -O /tmp/file http://10.0.2.100/file
echo "fetched: $(sha256sum < /tmp/file)"
edu=$(find_pci 0x1234:0x11e8)
edu "$edu" liveness
edu "$edu" write-own
END_OF_SCRIPT

devices=(-pcidevice "host=$edu,managed=on" -pcidevice "host=$nic,managed=on"
	-pcidevice "host=$nvme,managed=on")
before=$(state)
say "hostile: $seconds seconds, seed $seed"
dmesg -C
GUEST_ADD="$build/tests/lab/hostile:/bin/hostile" GUEST_APPEND=iomem=relaxed \
	guest_start mad "$work/mad" -m 256M -smp 4 "${devices[@]}"
guest_says mad 'hostile: quiet before'
held "$guest" > "$work/held-before"
for _ in $(seq $((seconds / 30))); do sleep 30; done
guest_says mad 'hostile: quiet after'
held "$guest" > "$work/held-after"
wait "$guest" || fail "moat run: status $? (seed $seed)"
fired=$(interrupts)
# Which kinds, and how many of each, is chance.
[[ $fired =~ [0-9] ]] || fail "the devices never interrupted (seed $seed)"
has "$work/mad.log" 'guest: status 0'
diff "$work/held-before" "$work/held-after" ||
	fail "moat holds more or less than before (seed $seed)"
is "the host afterwards (seed $seed)" "$(state)" "$before"

# vfio-pci says when each device comes and goes, which is not of the guest.
dmesg > "$work/host.log"
if grep -E 'WARNING:|BUG:|Call Trace|general protection' "$work/host.log"; then
	fail "the host complains (seed $seed)"
fi
said=$(wc -l < "$work/host.log") own=$(wc -l < "$work/mad.moat.log")
[ "$said" -le "$may_say" ] || fail "the kernel said $said lines (seed $seed)"
[ "$own" -le "$may_say" ] || fail "moat said $own lines (seed $seed)"
say "$(grep '^hostile: .* threads' "$work/mad.log" | tr -d '\r')"
say "interrupts: ${fired//$'\n'/, }"
say "the kernel said $said lines, moat $own"

guest next "$work/next" -m 256M -smp 2 "${devices[@]}"
has "$work/next.log" "disk: $host_sum" 'liveness: ok' 'write-own: landed' \
	"fetched: $(sha256sum < "${NETDIR:?}/file")"
is "the host at the end" "$(state)" "$before"
say 'a hostile guest: the host stands, and the next guest has its devices'
