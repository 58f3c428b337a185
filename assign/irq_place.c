// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which of the host's CPUs take a device's message-signalled interrupts.
 *
 * VFIO names an interrupt after the vector, "vfio-msix[3](0000:04:00.0)", and
 * the kernel makes a directory of that name in the interrupt's own in /proc.
 * So among the numbers that sysfs lists for the device, the one with the
 * vector's directory is the vector's. It is looked for once, when the vector is
 * first placed, and forgotten when the device's interrupts are turned off.
 *
 * Source: Linux Documentation/ABI/testing/sysfs-bus-pci, "msi_irqs";
 * Documentation/core-api/irq/irq-affinity.rst.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assign/device_internal.h"
#include "assign/host_pci_internal.h"
#include "common/io.h"
#include "common/parse.h"

/* Is interrupt @irq of the host that of vector @i? */
static bool is_irq_of(const struct moat_device *dev, unsigned int i,
		      unsigned int irq)
{
	const struct moat_host *host = host_or_this(dev->host_root);
	char path[PATH_MAX], addr[MOAT_BDF_STRLEN];

	return moat_path(path, "%s/irq/%u/vfio-msi%s[%u](%s)", host->procfs,
			 irq, dev->irq.mode == IRQ_MSIX ? "x" : "", i,
			 moat_bdf_str(dev->bdf, addr)) == 0 &&
	       access(path, F_OK) == 0;
}

static bool is_known(const struct moat_device *dev, unsigned int irq)
{
	for (unsigned int i = 0; i < dev->irq.n_vectors; i++)
		if (dev->irq.vector[i].host_irq == irq)
			return true;
	return false;
}

/* Return: its number, or 0 when it is not found. */
static unsigned int find_irq(const struct moat_device *dev, unsigned int i)
{
	unsigned int found = 0;
	struct dirent *entry;
	char path[PATH_MAX];
	uint64_t irq;
	DIR *dir;

	if (host_pci_attr(host_or_this(dev->host_root), dev->bdf, "msi_irqs",
			  path) < 0)
		return 0;
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!found && (entry = readdir(dir))) {
		if (moat_parse_u64(entry->d_name, 10, &irq) < 0 ||
		    irq > UINT32_MAX || is_known(dev, (unsigned int)irq))
			continue;
		if (is_irq_of(dev, i, (unsigned int)irq))
			found = (unsigned int)irq;
	}
	(void)closedir(dir);
	return found;
}

static void send_to(struct moat_device *dev, unsigned int i, int cpu)
{
	const struct moat_host *host = host_or_this(dev->host_root);
	struct vector *v = &dev->irq.vector[i];
	char path[PATH_MAX], text[16];
	int r;

	if (!v->host_irq)
		v->host_irq = find_irq(dev, i);
	if (!v->host_irq)
		return;
	(void)snprintf(text, sizeof(text), "%d\n", cpu);
	r = moat_path(path, "%s/irq/%u/smp_affinity_list", host->procfs,
		      v->host_irq);
	if (r == 0)
		r = moat_write_text(path, text);
	if (r == 0) {
		dev_debug(dev,
			  "interrupt vector %u, the host's %u, goes to "
			  "CPU %d",
			  i, v->host_irq, cpu);
		return;
	}
	dev_debug(dev, "interrupt vector %u stays where it is: %s: %s", i, path,
		  strerror(-r));
	if (r == -EACCES || r == -EPERM || r == -EROFS)
		dev->irq.unplaceable = true;
}

void irq_place(struct moat_device *dev)
{
	struct irqs *irq = &dev->irq;
	int cpu;

	if (irq->mode != IRQ_MSI && irq->mode != IRQ_MSIX)
		return;
	for (unsigned int i = 0; i < irq->n_enabled && !irq->unplaceable; i++) {
		struct vector *v = &irq->vector[i];

		if (!v->armed || !v->routed)
			continue;
		cpu = dev->vmm->msi_cpu(dev->vmm_opaque, &v->msg);
		/* Where it was is as good as anywhere. */
		if (cpu < 0 || v->cpu_plus_1 == cpu + 1)
			continue;
		v->cpu_plus_1 = cpu + 1;
		send_to(dev, i, cpu);
	}
}
