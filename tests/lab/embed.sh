#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A program outside moat, built on the installed libraries: it is refused a
# device that is not bound, with the remedy; then it drives edu, whose DMA
# and interrupts arrive; and leaves nothing behind.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

embed=$build/tests/embed
LD_LIBRARY_PATH=$(dirname "$(find "$embed/root" -name libmoat-assign.so)")
export LD_LIBRARY_PATH

status=0
"$embed/edu-dma" "host=$edu" 2> "$work/refused.log" || status=$?
is 'status without vfio-pci' "$status" 1
has "$work/refused.log" "$edu" 'moat bind'

"$moat" bind "$edu"
for _ in 1 2; do
	"$embed/edu-dma" "host=$edu" > "$work/edu.log" 2>&1
	has "$work/edu.log" '2048 bytes there and back by DMA'
	! masters_bus "$edu" || fail 'edu is left a bus master'
done
is 'IOMMU faults' "$(faults)" 0
is 'driver' "$(driver_of "$edu")" vfio-pci
"$moat" release "$edu"
is 'driver after release' "$(driver_of "$edu")" ''
say 'a program of its own drives a device through the libraries'
