// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM's VFIO device: it ties VFIO files to the VM, which is what makes
 * non-coherent DMA and the devices' view of KVM right. It is made when the
 * first file comes, so a guest without devices has none.
 *
 * Linux 6.6 calls the attribute KVM_DEV_VFIO_FILE and lets it take device
 * cdevs too; the numbers are the same as those of the older
 * KVM_DEV_VFIO_GROUP.
 */
#include <errno.h>
#include <string.h>

#include <moat/log.h>

#include "vmm-glue/kvm_vm_internal.h"

static int create_device(struct kvm_vm *vm)
{
	struct kvm_create_device create = { .type = KVM_DEV_TYPE_VFIO };
	int r;

	if (vm->vfio_fd >= 0)
		return 0;
	r = vm_ioctl(vm, KVM_CREATE_DEVICE, &create);
	if (r < 0)
		return r;
	/* KVM opens it close-on-exec itself. */
	vm->vfio_fd = (int)create.fd;
	return 0;
}

static int set_file(struct kvm_vm *vm, uint64_t what, int fd)
{
	struct kvm_device_attr attr = {
		.group = KVM_DEV_VFIO_GROUP,
		.attr = what,
		.addr = (uintptr_t)&fd,
	};

	return kvm_sys_ioctl(vm->sys, vm->vfio_fd, KVM_SET_DEVICE_ATTR, &attr);
}

int kvm_vm_vfio_file_added(void *opaque, int fd, struct moat_err *err)
{
	struct kvm_vm *vm = opaque;
	int r;

	(void)pthread_mutex_lock(&vm->lock);
	r = create_device(vm);
	if (r < 0) {
		(void)moat_fail(err, r,
				"KVM makes no VFIO device: %s; the kernel "
				"needs CONFIG_KVM_VFIO",
				strerror(-r));
		goto unlock;
	}
	r = set_file(vm, KVM_DEV_VFIO_GROUP_ADD, fd);
	if (r < 0)
		(void)moat_fail(err, r, "KVM does not take the VFIO file: %s",
				strerror(-r));
unlock:
	(void)pthread_mutex_unlock(&vm->lock);
	return r;
}

void kvm_vm_vfio_file_removed(void *opaque, int fd)
{
	struct kvm_vm *vm = opaque;
	int r;

	(void)pthread_mutex_lock(&vm->lock);
	r = vm->vfio_fd < 0 ? -ENOENT
			    : set_file(vm, KVM_DEV_VFIO_GROUP_DEL, fd);
	(void)pthread_mutex_unlock(&vm->lock);
	if (r < 0)
		log_err("KVM does not let go of a VFIO file: %s", strerror(-r));
}
