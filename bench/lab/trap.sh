#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a guest's accesses cost that come to moat, beside those that do not:
# config space, a register that shares its page with the table of MSI-X, one
# that does not, and masking a vector. On the NVMe, whose BAR 0 has all of it;
# the guest's driver has MSI-X on.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$moat" bind "$nvme"
cat > "$work/script" <<END
. lib.sh
wait_for test -b /dev/nvme0n1
for dir in /sys/bus/pci/devices/*; do
	[ "\$(cat "\$dir/class")" != 0x010802 ] || nvme=\${dir##*/}
done
accesses ${BENCH_ROUNDS:-$(either 30 3)} $(either 100 5) \
	"access=config,config,\$nvme,0" \
	"access=bar-direct,bar,\$nvme,0,0x1c" \
	"access=bar-trapped,bar,\$nvme,0,0x2800" \
	"access=msix-table,bar,\$nvme,0,0x2000" \
	"access=mask-and-unmask,mask,\$nvme"
END
# Its driver has BAR 0, too.
GUEST_APPEND=iomem=relaxed GUEST_ADD="$build/tests/lab/accesses:/bin/accesses" \
	guest trap "$work/script" -m 128M -smp 1 -pcidevice "host=$nvme"
tr -d '\r' < "$work/trap.log" | grep '^access=' > "$work/samples"

"$bench" record trap -unit ns -quantity access -better less \
	-option 'guest=1 vCPU' -option "rounds=${BENCH_ROUNDS:-$(either 30 3)}" \
	-note 'config space is read by a system call of the guest' \
	-compare access=bar-trapped/access=bar-direct \
	-compare access=msix-table/access=bar-trapped \
	-json "$LAB_OUT/trap.json" "$work/samples"
"$moat" release
is 'IOMMU faults' "$(faults)" 0
