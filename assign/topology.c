// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's nodes, cores and CPUs, by hwloc; its free memory, by sysfs.
 *
 * hwloc is asked for no caches and no PCI devices (sysfs has told their nodes
 * already); it then takes well under a millisecond on a small machine. Packages
 * and groups have to stay: a node is attached to one. Its x86 back end stays out:
 * it moves the calling thread over all CPUs, and on Linux learns nothing more.
 *
 * Which node is a CPU's: with memory of two kinds behind one package there are
 * several nodes with the same CPUs, and the kernel gives the CPU to the one
 * that its firmware listed first, ordinary memory. Here too the node with the
 * fewest CPUs is taken, of those the lowest number.
 */
#include <errno.h>
#include <hwloc.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assign/host_pci_internal.h"
#include "assign/topology.h"
#include "common/io.h"
#include "common/parse.h"
#include "common/util.h"

/* Of a node's memory, what the kernel keeps for itself: one part in this. */
#define RESERVE_SHARE 32

static unsigned long flags(void)
{
	unsigned long flags = 0;

#if HWLOC_API_VERSION >= 0x00020800
	flags |= HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
		 HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
#endif
	return flags;
}

static int describe(hwloc_topology_t hw, const char *xml, const char *synthetic)
{
	if (xml)
		return hwloc_topology_set_xml(hw, xml);
	if (synthetic)
		return hwloc_topology_set_synthetic(hw, synthetic);
	return 0;
}

static int load_hwloc(const char *xml, const char *synthetic,
		      hwloc_topology_t *ret_hw, struct moat_err *err)
{
	hwloc_topology_t hw;
	int r;

	if (hwloc_topology_init(&hw) < 0)
		return moat_fail(err, -ENOMEM, "out of memory");
	if (describe(hw, xml, synthetic) < 0 ||
	    hwloc_topology_set_components(
		    hw, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86") < 0 ||
	    hwloc_topology_set_cache_types_filter(
		    hw, HWLOC_TYPE_FILTER_KEEP_NONE) < 0 ||
	    hwloc_topology_set_icache_types_filter(
		    hw, HWLOC_TYPE_FILTER_KEEP_NONE) < 0 ||
	    hwloc_topology_set_flags(hw, flags()) < 0 ||
	    hwloc_topology_load(hw) < 0) {
		r = errno ? -errno : -EIO;
		hwloc_topology_destroy(hw);
		return moat_fail(err, r,
				 "hwloc cannot tell the machine's nodes and "
				 "CPUs: %s",
				 strerror(-r));
	}
	*ret_hw = hw;
	return 0;
}

/* ---- nodes ---- */

static void copy_nodes(hwloc_topology_t hw, struct moat_topology *t)
{
	hwloc_obj_t obj = NULL;

	while ((obj = hwloc_get_next_obj_by_type(hw, HWLOC_OBJ_NUMANODE, obj)) &&
	       t->n_nodes < TOPOLOGY_NODES_MAX) {
		struct topology_node *node = &t->node[t->n_nodes];

		if (obj->os_index >= MOAT_SET_MAX)
			continue;
		node->os = (int)obj->os_index;
		node->total = obj->attr->numanode.local_memory;
		t->n_nodes++;
	}
}

static unsigned int node_index(const struct moat_topology *t, unsigned int os)
{
	unsigned int i;

	for (i = 0; i < t->n_nodes; i++)
		if ((unsigned int)t->node[i].os == os)
			break;
	return i;
}

static void default_distances(struct moat_topology *t)
{
	for (unsigned int a = 0; a < t->n_nodes; a++)
		for (unsigned int b = 0; b < t->n_nodes; b++)
			t->distance[a][b] = a == b ? TOPOLOGY_LOCAL
						   : TOPOLOGY_REMOTE;
}

/* Firmware's numbers: what makes no sense is taken for the nearest sense. */
static uint8_t sane_distance(uint64_t value)
{
	if (value <= TOPOLOGY_LOCAL)
		return TOPOLOGY_LOCAL + 1;
	return (uint8_t)min_u64(value, TOPOLOGY_FAR_MAX);
}

static void copy_distances(hwloc_topology_t hw, struct moat_topology *t)
{
	struct hwloc_distances_s *d;
	unsigned int n = 1, a, b;

	default_distances(t);
	if (hwloc_distances_get_by_type(
		    hw, HWLOC_OBJ_NUMANODE, &n, &d,
		    HWLOC_DISTANCES_KIND_FROM_OS |
			    HWLOC_DISTANCES_KIND_MEANS_LATENCY,
		    0) < 0 ||
	    n == 0)
		return;
	for (unsigned int i = 0; i < d->nbobjs; i++)
		for (unsigned int j = 0; j < d->nbobjs; j++) {
			a = node_index(t, d->objs[i]->os_index);
			b = node_index(t, d->objs[j]->os_index);
			if (a != b && a < t->n_nodes && b < t->n_nodes)
				t->distance[a][b] = sane_distance(
					d->values[i * d->nbobjs + j]);
		}
	hwloc_distances_release(hw, d);
}

/* ---- CPUs ---- */

/* Return: its index, or n_nodes when it has none that is known here. */
static unsigned int node_of(hwloc_topology_t hw, const struct moat_topology *t,
			    unsigned int cpu)
{
	unsigned int best = t->n_nodes, i;
	int best_weight = 0, weight;
	hwloc_obj_t obj = NULL;

	while ((obj = hwloc_get_next_obj_by_type(hw, HWLOC_OBJ_NUMANODE, obj))) {
		i = node_index(t, obj->os_index);
		if (i == t->n_nodes || !hwloc_bitmap_isset(obj->cpuset, cpu))
			continue;
		weight = hwloc_bitmap_weight(obj->cpuset);
		if (best < t->n_nodes && (weight > best_weight ||
					  (weight == best_weight &&
					   t->node[i].os > t->node[best].os)))
			continue;
		best = i;
		best_weight = weight;
	}
	return best;
}

/* hwloc's order of CPUs is core by core. */
static void copy_cpus(hwloc_topology_t hw, struct moat_topology *t)
{
	hwloc_obj_t pu = NULL, core, last = NULL;
	unsigned int node;

	while ((pu = hwloc_get_next_obj_by_type(hw, HWLOC_OBJ_PU, pu))) {
		node = node_of(hw, t, pu->os_index);
		if (node == t->n_nodes || pu->os_index >= MOAT_SET_MAX)
			continue;
		core = hwloc_get_ancestor_obj_by_type(hw, HWLOC_OBJ_CORE, pu);
		if (!core || core != last)
			t->n_cores++;
		last = core;
		t->cpu[t->n_cpus++] = (struct topology_cpu) {
			.cpu = pu->os_index,
			.core = t->n_cores - 1,
			.node = node,
		};
		t->node[node].n_cpus++;
	}
}

int topology_load(const char *xml, const char *synthetic, bool foreign,
		  struct moat_topology **ret_topology, struct moat_err *err)
{
	struct moat_topology *t;
	hwloc_topology_t hw = NULL;
	int n, r;

	r = load_hwloc(xml, synthetic, &hw, err);
	if (r < 0)
		return r;
	if (!foreign && !hwloc_topology_is_thissystem(hw)) {
		r = moat_fail(err, -EXDEV,
			      "hwloc is told to describe another machine; "
			      "unset HWLOC_XMLFILE and HWLOC_SYNTHETIC");
		goto destroy;
	}
	n = hwloc_get_nbobjs_by_type(hw, HWLOC_OBJ_PU);
	if (n <= 0) {
		r = moat_fail(err, -ENODEV, "hwloc finds no CPU");
		goto destroy;
	}
	t = calloc(1, sizeof(*t) + (size_t)n * sizeof(t->cpu[0]));
	if (!t) {
		r = moat_fail(err, -ENOMEM, "out of memory");
		goto destroy;
	}
	t->foreign = !hwloc_topology_is_thissystem(hw);
	copy_nodes(hw, t);
	copy_distances(hw, t);
	copy_cpus(hw, t);
	*ret_topology = t;
destroy:
	hwloc_topology_destroy(hw);
	return r;
}

/* ---- free memory ---- */

/* "Node 0 MemFree:  123 kB", in bytes; 0 when it is not there. */
static uint64_t meminfo_value(const char *text, const char *key)
{
	const char *p = strstr(text, key);
	char digits[24];
	uint64_t kib;
	size_t len;

	if (!p)
		return 0;
	p += strlen(key);
	p += strspn(p, " \t");
	len = strspn(p, "0123456789");
	if (len >= sizeof(digits))
		return 0;
	memcpy(digits, p, len);
	digits[len] = '\0';
	if (moat_parse_u64(digits, 10, &kib) < 0)
		return 0;
	return kib > UINT64_MAX / KiB / 8 ? 0 : kib * KiB;
}

/*
 * What can be had without pushing anything out: free pages, and the page
 * cache, which the kernel gives up first; less what it never gives away.
 */
static uint64_t free_ordinary(const char *dir, uint64_t *ret_total)
{
	char path[PATH_MAX], text[8192];
	uint64_t have, reserve, total;

	if (moat_path(path, "%s/meminfo", dir) < 0 ||
	    moat_read_text(path, text, sizeof(text)) < 0)
		return 0;
	total = meminfo_value(text, " MemTotal:");
	if (total)
		*ret_total = total;
	have = meminfo_value(text, " MemFree:") +
	       meminfo_value(text, " Active(file):") +
	       meminfo_value(text, " Inactive(file):") +
	       meminfo_value(text, " SReclaimable:");
	reserve = *ret_total / RESERVE_SHARE;
	return have > reserve ? have - reserve : 0;
}

static uint64_t huge(const char *dir, uint64_t page_size, const char *which)
{
	char path[PATH_MAX], text[32];
	uint64_t n;

	if (moat_path(path, "%s/hugepages/hugepages-%llukB/%s", dir,
		      (unsigned long long)(page_size / KiB), which) < 0 ||
	    moat_read_text(path, text, sizeof(text)) < 0 ||
	    moat_parse_u64(text, 10, &n) < 0 || n > UINT64_MAX / page_size / 64)
		return 0;
	return n * page_size;
}

static void read_huge(struct topology_node *node, const char *dir,
		      enum moat_place_pages pages, uint64_t page_size)
{
	node->free[pages] = huge(dir, page_size, "free_hugepages");
	node->pool[pages] = huge(dir, page_size, "nr_hugepages");
}

void topology_read_free(struct moat_topology *t, const struct moat_host *host)
{
	char dir[PATH_MAX];

	for (unsigned int i = 0; i < t->n_nodes; i++) {
		struct topology_node *node = &t->node[i];

		if (moat_path(dir, "%s/devices/system/node/node%d", host->sysfs,
			      node->os) < 0)
			continue;
		node->free[MOAT_PLACE_PAGES_SMALL] =
			free_ordinary(dir, &node->total);
		read_huge(node, dir, MOAT_PLACE_PAGES_2M, 2 * MiB);
		read_huge(node, dir, MOAT_PLACE_PAGES_1G, GiB);
	}
}

static void all_is_free(struct moat_topology *t)
{
	for (unsigned int i = 0; i < t->n_nodes; i++)
		t->node[i].free[MOAT_PLACE_PAGES_SMALL] = t->node[i].total;
}

int moat_topology_read(const struct moat_host *host, bool foreign,
		       struct moat_topology **ret_topology,
		       struct moat_err *err)
{
	int r;

	r = topology_load(NULL, NULL, foreign, ret_topology, err);
	if (r < 0)
		return r;
	if ((*ret_topology)->foreign)
		all_is_free(*ret_topology);
	else
		topology_read_free(*ret_topology, host_or_this(host));
	return 0;
}

bool moat_topology_is_foreign(const struct moat_topology *t)
{
	return t->foreign;
}

void moat_topology_free(struct moat_topology *t)
{
	free(t);
}

bool moat_topology_node(const struct moat_topology *t, size_t i,
			struct moat_topology_node *ret_node)
{
	if (i >= t->n_nodes)
		return false;
	*ret_node = (struct moat_topology_node) {
		.node = t->node[i].os,
		.total = t->node[i].total,
		.free = t->node[i].free[MOAT_PLACE_PAGES_SMALL],
	};
	return true;
}

bool moat_topology_cpu(const struct moat_topology *t, size_t i,
		       struct moat_topology_cpu *ret_cpu)
{
	if (i >= t->n_cpus)
		return false;
	*ret_cpu = (struct moat_topology_cpu) {
		.cpu = t->cpu[i].cpu,
		.core = t->cpu[i].core,
		.node = t->node[t->cpu[i].node].os,
	};
	return true;
}

int moat_topology_allowed(struct moat_set *ret_cpus, struct moat_set *ret_nodes)
{
	struct moat_set cpus = { { 0 } }, nodes = { { 0 } };
	int mode;

	/* The C library's wrapper would not say how much it filled in. */
	if (syscall(SYS_sched_getaffinity, 0, sizeof(cpus), &cpus) < 0)
		return -errno;
	/* A kernel without NUMA, or a sandbox, does not say: no limit then. */
	if (syscall(SYS_get_mempolicy, &mode, &nodes, MOAT_SET_MAX, NULL,
		    MPOL_F_MEMS_ALLOWED) < 0)
		memset(&nodes, 0xff, sizeof(nodes));
	*ret_cpus = cpus;
	*ret_nodes = nodes;
	return 0;
}
