// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPUID as the guest sees it: what KVM supports on this host, with the
 * leaves that describe one processor's place among the others written anew.
 * One socket, one thread a core.
 *
 * Intel tells that by leaves 4, 0xb and 0x1f, AMD and Hygon by 0xb, and by
 * extended leaves whose fields are reserved on Intel: those stay as they are
 * there.
 *
 * Source: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E; Linux
 * Documentation/virt/kvm/api.rst 4.46 and virt/kvm/x86/errata.rst.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm-glue/vcpu_state.h"

/* Leaves made here, and how many entries that can add. */
#define LEAF_TOPOLOGY	  0xb
#define LEAF_TOPOLOGY_V2  0x1f
#define ADDED_MAX	  6

#define ECX1_TSC_DEADLINE (1u << 24)
#define ECX1_HYPERVISOR	  (1u << 31)
#define EDX1_HTT	  (1u << 28)
/* AMD: EDX[HTT] means cores, not threads, when this is set too. */
#define ECX80000001_CMP_LEGACY (1u << 1)

#define LEVEL_SMT	       1
#define LEVEL_CORE	       2

/* How many bits an APIC id takes. */
static unsigned int id_bits(unsigned int n)
{
	unsigned int bits = 0;

	while ((1u << bits) < n)
		bits++;
	return bits;
}

/* Leaf 0: EBX, EDX and ECX spell the vendor. */
static bool is_amd(const struct kvm_cpuid2 *cpuid)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];
		const uint32_t vendor[] = { entry->ebx, entry->edx,
					    entry->ecx };

		if (entry->function == 0)
			return !memcmp(vendor, "AuthenticAMD", 12) ||
			       !memcmp(vendor, "HygonGenuine", 12);
	}
	return false;
}

static bool has_leaf(const struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0 &&
		    cpuid->entries[i].eax >= leaf)
			return true;
	return false;
}

static void features(struct kvm_cpuid_entry2 *entry, unsigned int apic_id,
		     unsigned int n, bool tsc_deadline)
{
	entry->ebx &= 0x0000ffff;
	entry->ebx |= apic_id << 24 | n << 16;
	entry->ecx |= ECX1_HYPERVISOR;
	if (tsc_deadline)
		entry->ecx |= ECX1_TSC_DEADLINE;
	else
		entry->ecx &= ~ECX1_TSC_DEADLINE;
	if (n > 1)
		entry->edx |= EDX1_HTT;
	else
		entry->edx &= ~EDX1_HTT;
}

/*
 * Cache parameters, Intel's leaf 4 and AMD's 0x8000001d: who shares a cache.
 * First and second level are the core's own, deeper ones everybody's.
 */
static void cache(struct kvm_cpuid_entry2 *entry, unsigned int n, bool intel)
{
	unsigned int level = entry->eax >> 5 & 7;
	unsigned int sharing = level > 2 ? n - 1 : 0;
	unsigned int cores = (1u << id_bits(n)) - 1;

	if ((entry->eax & 0x1f) == 0) /* no more caches */
		return;
	entry->eax &= 0x00003fff;
	entry->eax |= sharing << 14;
	if (intel)
		entry->eax |= (cores > 63 ? 63 : cores) << 26;
}

static void patch_amd(struct kvm_cpuid_entry2 *entry, unsigned int apic_id,
		      unsigned int n)
{
	switch (entry->function) {
	case 0x80000001:
		if (n > 1)
			entry->ecx |= ECX80000001_CMP_LEGACY;
		else
			entry->ecx &= ~ECX80000001_CMP_LEGACY;
		break;
	case 0x80000008:
		/* Number of cores less one, and how many id bits they take. */
		entry->ecx &= ~0xf0ffu;
		entry->ecx |= (n - 1) | id_bits(n) << 12;
		break;
	case 0x8000001d:
		cache(entry, n, false);
		break;
	case 0x8000001e:
		/* Core id is the APIC id, one thread, all in node 0. */
		entry->eax = apic_id;
		entry->ebx = apic_id & 0xff;
		entry->ecx = 0;
		break;
	default:
		break;
	}
}

/* The extended topology leaves: thread level, core level, end. */
static void add_topology(struct kvm_cpuid2 *cpuid, uint32_t leaf,
			 unsigned int apic_id, unsigned int n)
{
	const struct {
		uint32_t shift, count, type;
	} level[] = {
		{ 0, 1, LEVEL_SMT },
		{ id_bits(n), n, LEVEL_CORE },
		{ 0, 0, 0 },
	};

	for (uint32_t i = 0; i < 3; i++)
		cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2) {
			.function = leaf,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = level[i].shift,
			.ebx = level[i].count,
			.ecx = level[i].type << 8 | i,
			.edx = apic_id,
		};
}

int vcpu_cpuid_build(const struct kvm_cpuid2 *supported, unsigned int apic_id,
		     unsigned int n, bool tsc_deadline,
		     struct kvm_cpuid2 **ret_cpuid)
{
	struct kvm_cpuid_entry2 *patched;
	bool amd = is_amd(supported);
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) + (supported->nent + ADDED_MAX) *
						   sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	for (uint32_t i = 0; i < supported->nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &supported->entries[i];

		if (entry->function == LEAF_TOPOLOGY ||
		    entry->function == LEAF_TOPOLOGY_V2)
			continue;
		patched = &cpuid->entries[cpuid->nent++];
		*patched = *entry;
		if (entry->function == 1)
			features(patched, apic_id, n, tsc_deadline);
		else if (amd)
			patch_amd(patched, apic_id, n);
		else if (entry->function == 4)
			cache(patched, n, true);
	}
	if (has_leaf(cpuid, LEAF_TOPOLOGY))
		add_topology(cpuid, LEAF_TOPOLOGY, apic_id, n);
	if (has_leaf(cpuid, LEAF_TOPOLOGY_V2))
		add_topology(cpuid, LEAF_TOPOLOGY_V2, apic_id, n);
	*ret_cpuid = cpuid;
	return 0;
}
