// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts of the VM: the in-kernel controllers, the routing table and
 * irqfds.
 *
 * Vocabulary: a GSI is KVM's number of an interrupt input. The routing table
 * says what a GSI does: 0 to 23 reach the PIC (0 to 15) and the I/O APIC at
 * the pin of the same number; from LAYOUT_GSI_MSI on, one GSI is one MSI
 * message. An irqfd raises a GSI when its eventfd is signalled.
 *
 * Invariant: a route's @live is what KVM has, @wanted what its owner asked
 * for. A commit makes @wanted true for one owner or leaves @live as it was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <moat/log.h>

#include "common/util.h"
#include "vmm-glue/kvm_vm_internal.h"
#include "vmm-glue/layout.h"

#define PIC_PINS      16
#define IOAPIC_PINS   24
#define FIXED_ENTRIES (PIC_PINS + IOAPIC_PINS)

/* The three in-kernel controllers, by KVM's numbers. */
static const uint32_t chip_ids[] = { KVM_IRQCHIP_PIC_MASTER,
				     KVM_IRQCHIP_PIC_SLAVE,
				     KVM_IRQCHIP_IOAPIC };

static void pin_entry(struct kvm_irq_routing_entry *entry, uint32_t gsi,
		      uint32_t chip, uint32_t pin)
{
	memset(entry, 0, sizeof(*entry));
	entry->gsi = gsi;
	entry->type = KVM_IRQ_ROUTING_IRQCHIP;
	entry->u.irqchip.irqchip = chip;
	entry->u.irqchip.pin = pin;
}

static void msi_entry(struct kvm_irq_routing_entry *entry, uint32_t gsi,
		      const struct moat_msi_msg *msg)
{
	memset(entry, 0, sizeof(*entry));
	entry->gsi = gsi;
	entry->type = KVM_IRQ_ROUTING_MSI;
	entry->u.msi.address_lo = (uint32_t)msg->address;
	entry->u.msi.address_hi = (uint32_t)(msg->address >> 32);
	entry->u.msi.data = msg->data;
}

static const struct kvm_route_state *effective(const struct kvm_route *route,
					       const void *owner)
{
	return route->owner == owner ? &route->wanted : &route->live;
}

/*
 * Hand KVM the whole table: the fixed part, what @owner wants, and what the
 * others have. @owner NULL: what all have.
 */
static int set_routing(struct kvm_vm *vm, const void *owner)
{
	struct kvm_irq_routing *table;
	uint32_t n = 0;
	int r;

	table = calloc(1, sizeof(*table) + (FIXED_ENTRIES + vm->n_routes) *
						   sizeof(table->entries[0]));
	if (!table)
		return -ENOMEM;
	for (uint32_t pin = 0; pin < PIC_PINS; pin++)
		pin_entry(&table->entries[n++], pin,
			  pin < 8 ? KVM_IRQCHIP_PIC_MASTER
				  : KVM_IRQCHIP_PIC_SLAVE,
			  pin % 8);
	for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++)
		pin_entry(&table->entries[n++], pin, KVM_IRQCHIP_IOAPIC, pin);
	for (unsigned int i = 0; i < vm->n_routes; i++) {
		const struct kvm_route_state *state =
			effective(&vm->route[i], owner);

		if (state->used)
			msi_entry(&table->entries[n++], LAYOUT_GSI_MSI + i,
				  &state->msg);
	}
	table->nr = n;
	r = vm_ioctl(vm, KVM_SET_GSI_ROUTING, table);
	free(table);
	return r;
}

static int save_irqchips(struct kvm_vm *vm, struct moat_err *err)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(chip_ids); i++) {
		vm->irqchips.chip[i].chip_id = chip_ids[i];
		r = vm_ioctl(vm, KVM_GET_IRQCHIP, &vm->irqchips.chip[i]);
		if (r < 0)
			return moat_fail(err, r, "KVM_GET_IRQCHIP: %s",
					 strerror(-r));
	}
	r = vm_ioctl(vm, KVM_GET_PIT2, &vm->irqchips.pit);
	if (r < 0)
		return moat_fail(err, r, "KVM_GET_PIT2: %s", strerror(-r));
	return 0;
}

int kvm_vm_reset_irqchips(struct kvm_vm *vm, struct moat_err *err)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(chip_ids); i++) {
		r = vm_ioctl(vm, KVM_SET_IRQCHIP, &vm->irqchips.chip[i]);
		if (r < 0)
			return moat_fail(err, r, "KVM_SET_IRQCHIP: %s",
					 strerror(-r));
	}
	r = vm_ioctl(vm, KVM_SET_PIT2, &vm->irqchips.pit);
	if (r < 0)
		return moat_fail(err, r, "KVM_SET_PIT2: %s", strerror(-r));
	return 0;
}

int kvm_irq_init(struct kvm_vm *vm, struct moat_err *err)
{
	/* The guest's port 0x61 is answered by KVM: no speaker to be had. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int r;

	r = vm_ioctl(vm, KVM_CREATE_IRQCHIP, NULL);
	if (r < 0)
		return moat_fail(err, r, "KVM_CREATE_IRQCHIP: %s",
				 strerror(-r));
	r = vm_ioctl(vm, KVM_CREATE_PIT2, &pit);
	if (r < 0)
		return moat_fail(err, r, "KVM_CREATE_PIT2: %s", strerror(-r));
	/* How many entries its table takes; GSIs stay below the same number. */
	r = kvm_vm_check(vm, KVM_CAP_IRQ_ROUTING);
	vm->max_routes = r > FIXED_ENTRIES ? (unsigned int)r - FIXED_ENTRIES
					   : 0;
	r = set_routing(vm, NULL);
	if (r < 0)
		return moat_fail(err, r, "KVM_SET_GSI_ROUTING: %s",
				 strerror(-r));
	return save_irqchips(vm, err);
}

void kvm_irq_fini(struct kvm_vm *vm)
{
	free(vm->route);
	vm->route = NULL;
	vm->n_routes = 0;
}

int kvm_vm_irq_line(struct kvm_vm *vm, unsigned int gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	return vm_ioctl(vm, KVM_IRQ_LINE, &line);
}

int kvm_vm_irqfd(struct kvm_vm *vm, unsigned int gsi, int fd, int resample_fd)
{
	struct kvm_irqfd irqfd = { .fd = (uint32_t)fd, .gsi = gsi };

	if (resample_fd >= 0) {
		irqfd.flags = KVM_IRQFD_FLAG_RESAMPLE;
		irqfd.resamplefd = (uint32_t)resample_fd;
	}
	return vm_ioctl(vm, KVM_IRQFD, &irqfd);
}

void kvm_vm_irqfd_remove(struct kvm_vm *vm, unsigned int gsi, int fd)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = KVM_IRQFD_FLAG_DEASSIGN,
	};
	int r = vm_ioctl(vm, KVM_IRQFD, &irqfd);

	if (r < 0)
		log_err("KVM does not let go of GSI %u's eventfd: %s", gsi,
			strerror(-r));
}

static bool is_free(const struct kvm_route *route)
{
	return !route->live.used && !route->wanted.used;
}

static int find_free_route(struct kvm_vm *vm, unsigned int *ret_route)
{
	struct kvm_route *route;
	unsigned int n;

	for (unsigned int i = 0; i < vm->n_routes; i++)
		if (is_free(&vm->route[i])) {
			*ret_route = i;
			return 0;
		}
	if (vm->n_routes >= vm->max_routes)
		return -ENOSPC;
	n = vm->n_routes ? vm->n_routes * 2 : 16;
	if (n > vm->max_routes)
		n = vm->max_routes;
	route = realloc(vm->route, n * sizeof(*route));
	if (!route)
		return -ENOMEM;
	memset(route + vm->n_routes, 0, (n - vm->n_routes) * sizeof(*route));
	*ret_route = vm->n_routes;
	vm->route = route;
	vm->n_routes = n;
	return 0;
}

int kvm_vm_msi_connect(struct kvm_vm *vm, const void *owner, int fd,
		       const struct moat_msi_msg *msg, unsigned int *ret_route)
{
	unsigned int i;
	int r;

	(void)pthread_mutex_lock(&vm->lock);
	r = find_free_route(vm, &i);
	if (r == 0) {
		vm->route[i].owner = owner;
		vm->route[i].wanted = (struct kvm_route_state) {
			.used = true,
			.fd = fd,
			.msg = *msg,
		};
		*ret_route = i;
	}
	(void)pthread_mutex_unlock(&vm->lock);
	return r;
}

int kvm_vm_msi_update(struct kvm_vm *vm, unsigned int route,
		      const struct moat_msi_msg *msg)
{
	int r = -ENOENT;

	(void)pthread_mutex_lock(&vm->lock);
	if (route < vm->n_routes && vm->route[route].wanted.used) {
		vm->route[route].wanted.msg = *msg;
		r = 0;
	}
	(void)pthread_mutex_unlock(&vm->lock);
	return r;
}

void kvm_vm_msi_disconnect(struct kvm_vm *vm, unsigned int route)
{
	(void)pthread_mutex_lock(&vm->lock);
	if (route < vm->n_routes)
		vm->route[route].wanted.used = false;
	(void)pthread_mutex_unlock(&vm->lock);
}

static bool same_message(const struct moat_msi_msg *a,
			 const struct moat_msi_msg *b)
{
	return a->address == b->address && a->data == b->data;
}

/* Does an irqfd have to come or go for @route? */
static bool fd_changes(const struct kvm_route *route)
{
	return route->live.used != route->wanted.used ||
	       (route->live.used && route->live.fd != route->wanted.fd);
}

static bool table_changes(const struct kvm_vm *vm, const void *owner)
{
	for (unsigned int i = 0; i < vm->n_routes; i++) {
		const struct kvm_route *route = &vm->route[i];

		if (route->owner != owner || is_free(route))
			continue;
		if (fd_changes(route) ||
		    !same_message(&route->live.msg, &route->wanted.msg))
			return true;
	}
	return false;
}

/* Take away the irqfds that @owner no longer wants. */
static void remove_old_fds(struct kvm_vm *vm, const void *owner)
{
	for (unsigned int i = 0; i < vm->n_routes; i++) {
		struct kvm_route *route = &vm->route[i];

		if (route->owner == owner && route->live.used &&
		    fd_changes(route))
			kvm_vm_irqfd_remove(vm, LAYOUT_GSI_MSI + i,
					    route->live.fd);
	}
}

/* Returns 0, or -errno with *@ret_done routes handled before the failure. */
static int add_new_fds(struct kvm_vm *vm, const void *owner,
		       unsigned int *ret_done)
{
	unsigned int i;
	int r;

	for (i = 0; i < vm->n_routes; i++) {
		struct kvm_route *route = &vm->route[i];

		if (route->owner != owner || !route->wanted.used ||
		    !fd_changes(route))
			continue;
		r = kvm_vm_irqfd(vm, LAYOUT_GSI_MSI + i, route->wanted.fd, -1);
		if (r < 0) {
			*ret_done = i;
			return r;
		}
	}
	return 0;
}

/*
 * Back to what was live. The calls undo ones that have just worked; should
 * the kernel refuse even so, it is said, and the interrupt is lost.
 */
static void roll_back_fds(struct kvm_vm *vm, const void *owner,
			  unsigned int n_added)
{
	int r;

	for (unsigned int i = 0; i < vm->n_routes; i++) {
		struct kvm_route *route = &vm->route[i];

		if (route->owner != owner || !fd_changes(route))
			continue;
		if (route->wanted.used && i < n_added)
			kvm_vm_irqfd_remove(vm, LAYOUT_GSI_MSI + i,
					    route->wanted.fd);
		if (!route->live.used)
			continue;
		r = kvm_vm_irqfd(vm, LAYOUT_GSI_MSI + i, route->live.fd, -1);
		if (r < 0)
			log_err("an interrupt is lost: KVM_IRQFD: %s",
				strerror(-r));
	}
}

static void settle(struct kvm_vm *vm, const void *owner, bool committed)
{
	for (unsigned int i = 0; i < vm->n_routes; i++) {
		struct kvm_route *route = &vm->route[i];

		if (route->owner != owner)
			continue;
		if (committed)
			route->live = route->wanted;
		else
			route->wanted = route->live;
	}
}

/* Old irqfds first: KVM takes one eventfd once only. */
static int commit(struct kvm_vm *vm, const void *owner)
{
	unsigned int n_added = 0;
	int r, back;

	remove_old_fds(vm, owner);
	r = set_routing(vm, owner);
	if (r < 0)
		goto restore_fds;
	r = add_new_fds(vm, owner, &n_added);
	if (r < 0)
		goto restore_routing;
	return 0;
restore_routing:
	back = set_routing(vm, NULL);
	if (back < 0)
		log_err("the interrupt routes are lost: KVM_SET_GSI_ROUTING: "
			"%s",
			strerror(-back));
restore_fds:
	roll_back_fds(vm, owner, n_added);
	return r;
}

int kvm_vm_msi_commit(struct kvm_vm *vm, const void *owner)
{
	int r = 0;

	(void)pthread_mutex_lock(&vm->lock);
	if (table_changes(vm, owner))
		r = commit(vm, owner);
	settle(vm, owner, r == 0);
	(void)pthread_mutex_unlock(&vm->lock);
	return r;
}
