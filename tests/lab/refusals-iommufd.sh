#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What moat refuses of /dev/iommu and of devices' files, word for word, and how
# the locked-memory limit counts there; nothing on the host has changed by it.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=refusals-lib.sh
. "$(dirname "$0")/refusals-lib.sh"

"$moat" bind "$edu" "$nic"
cdev_of() { echo "/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$1/vfio-dev")"; }
group_node() {
	echo "/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")")"
}
cdev=$(cdev_of "$edu") other=$(cdev_of "$nic")
run=(run -kernel "$guest_kernel" -m 128M)
iommufd=("${run[@]}" -iommu iommufd -pcidevice "host=$edu")

# without FILE COMMAND...: while the node is not there
without() {
	local node=$1 numbers

	shift
	read -r -a numbers < <(stat -c '%Hr %Lr' "$node")
	rm "$node"
	"$@"
	mknod -m 600 "$node" c "${numbers[@]}"
}

# ---- files ----

as_user refuses 1 "opening /dev/iommu: Permission denied; run as root, or as a user who may read and write it" \
	"${iommufd[@]}"
without /dev/iommu refuses 1 "/dev/iommu is not there: the kernel has no iommufd (CONFIG_IOMMUFD), or its module is not loaded; try 'modprobe iommufd', or leave the choice of the IOMMU's interface to moat" \
	"${iommufd[@]}"
without "$cdev" refuses 1 "$edu: $cdev is not there, though the device is VFIO's; a container may lack the node" \
	"${iommufd[@]}"
chmod 666 /dev/iommu
as_user refuses 1 "$edu: opening $cdev: Permission denied; run as root, or give the device to the user with 'chown USER $cdev'" \
	"${iommufd[@]}"
chmod 600 /dev/iommu
refuses 1 "type1 leaves large pages out for all its users or none, with 'modprobe vfio_iommu_type1 disable_hugepages=1'; iommufd can for one" \
	"${run[@]}" -iommu type1 -iommu-pages 4K -pcidevice "host=$edu"

exec 7<>/dev/iommu 8<>"$cdev" 9<>"$other" 6</dev/null
given=("${run[@]}" -pcidevice "host=$edu,fd=8")
refuses 1 "fd 6 is not an open /dev/iommu: IOMMU_IOAS_ALLOC: Inappropriate ioctl for device" \
	"${given[@]}" -iommufd fd=6
refuses 1 "fd 8 is not an open /dev/iommu: IOMMU_IOAS_ALLOC: Invalid argument" \
	"${given[@]}" -iommufd fd=8
refuses 1 "fd 77 is not an open /dev/iommu: IOMMU_IOAS_ALLOC: Bad file descriptor" \
	"${given[@]}" -iommufd fd=77
refuses 1 "-iommufd: '2' is not a value of fd; expected a number from 3 to 2147483647" \
	"${given[@]}" -iommufd fd=2
for wrong in 6 7 9 77; do
	refuses 1 "$edu: fd $wrong is not the open VFIO file of the device, /dev/vfio/devices/vfioN" \
		"${run[@]}" -iommufd fd=7 -pcidevice "host=$edu,fd=$wrong"
done
refuses 1 "type1 takes no files that are open already; iommufd does" \
	"${given[@]}" -iommufd fd=7 -iommu type1
exec 6<&- 7>&- 8>&- 9>&-

# ---- huge pages ----

nodes=/sys/devices/system/node
echo 0 > $nodes/node0/hugepages/hugepages-2048kB/nr_hugepages
echo 64 > $nodes/node1/hugepages/hugepages-2048kB/nr_hugepages
refuses 1 "guest RAM needs 64 huge pages of 2 MiB, 0 are free on node N, 64 are missing; reserve them with: echo 64 > $nodes/nodeN/hugepages/hugepages-2048kB/nr_hugepages" \
	"${iommufd[@]}" -hugepages 2M -place node=0
echo 0 > $nodes/node1/hugepages/hugepages-2048kB/nr_hugepages

# ---- in use ----

cat > "$work/holder" <<'END'
echo holding
read -r _ < /dev/console
END
guest_start holder "$work/holder" -m 128M -pcidevice "host=$edu"
guest_says holder holding
refuses 1 "$edu: is in use: $cdev is held by moat (process $guest); end that first" \
	"${iommufd[@]}"
refuses 1 "$edu: its IOMMU group is in use: $(group_node "$edu") is held by another process; end that first" \
	"${run[@]}" -iommu type1 -pcidevice "host=$edu"
kill "$guest"
wait "$guest" || fail "moat run: status $?"

# ---- locked memory ----

ram=$((128 << 20))
ram_kib=$((ram >> 10))
needs="pinning $ram bytes for DMA needs a locked-memory limit (RLIMIT_MEMLOCK) of $ram bytes"
remedy="grant it with 'ulimit -l $ram_kib' in the shell that starts the program, 'LimitMEMLOCK=$ram' in its systemd unit, or 'USER - memlock $ram_kib' in /etc/security/limits.conf"

# ends PROCESS
ends() {
	kill "$1"
	wait "$1" || fail "moat run: status $?"
}

# What either counts is the guest's RAM, to the page.
chown 65534 /dev/iommu "$cdev" "$other" "$(group_node "$edu")" \
	"$(group_node "$nic")"
locked=$((ram_kib - 4)) as_user refuses 1 \
	"$needs, and more when other processes of the user pin memory too, and it is $((ram - 4096)); $remedy" \
	"${iommufd[@]}"
locked=$((ram_kib - 4)) as_user refuses 1 \
	"$needs, and it is $((ram - 4096)); $remedy" \
	"${run[@]}" -iommu type1 -pcidevice "host=$edu"

# starts NAME KIB INTERFACE DEVICE: as the user, with that limit
starts() {
	MOAT_IOMMU=$3 locked=$2 as_user guest_start "$1" "$work/holder" \
		-m 128M -pcidevice "host=$4"
	guest_says "$1" holding
	is 'the user' "$(stat -c %u "/proc/$guest")" 65534
}

# type1 counts for each process, iommufd for all of the user's.
starts type1-first $ram_kib type1 "$edu"
first=$guest
starts type1-second $ram_kib type1 "$nic"
ends "$first"
ends "$guest"
starts iommufd-first $ram_kib iommufd "$edu"
first=$guest
locked=$ram_kib as_user refuses 1 \
	"the kernel does not pin $ram bytes for DMA: either memory is short, or all processes of the user together reach the locked-memory limit (RLIMIT_MEMLOCK) of $ram bytes; 'ulimit -l', 'LimitMEMLOCK=' in a systemd unit, or /etc/security/limits.conf can raise it" \
	"${run[@]}" -iommu iommufd -pcidevice "host=$nic"
starts iommufd-second $((2 * ram_kib)) iommufd "$nic"
ends "$first"
ends "$guest"
"$moat" release
given_back "$edu" ''
given_back "$nic" e1000e
say 'the files and the limits of iommufd: what is missing is said, and nothing changes'
