// SPDX-License-Identifier: GPL-2.0-or-later
/* What an audit finds, in words: one row a rule, the severest first. */
#include "vmm-glue/audit.h"

#define RULE(id, rule_name, rule_severity, rule_what, rule_why, rule_mend) \
	[AUDIT_##id] = {                                                   \
		.name = (rule_name),                                       \
		.severity = AUDIT_##rule_severity,                         \
		.what = (rule_what),                                       \
		.why = (rule_why),                                         \
		.mend = (rule_mend),                                       \
	}

const struct audit_rule audit_rules[AUDIT_RULES] = {
	RULE(NO_IOMMU, "no-iommu", HIGH, "no IOMMU is at work on this host",
	     "every device reaches all memory, and none can be assigned with "
	     "its DMA fenced",
	     "turn VT-d or AMD-Vi on in the firmware, and boot an Intel "
	     "machine "
	     "with intel_iommu=on"),
	RULE(UNIT_OFF, "unit-off", HIGH,
	     "a remapping unit does not translate requests",
	     "the devices behind it reach all memory",
	     "boot with intel_iommu=on, and without intel_iommu=...off or "
	     "igfx_off"),
	RULE(DMAR_BAD, "dmar-malformed", HIGH,
	     "firmware's table of remapping units cannot be read",
	     "which unit is in front of which device is then not known to "
	     "anybody",
	     "update the firmware"),
	RULE(NO_GROUP, "no-group", HIGH, "no IOMMU is in front of the device",
	     "its DMA reaches all memory, whoever uses it",
	     "do not assign it; look in the firmware's settings for a unit "
	     "that "
	     "is off"),
	RULE(NOIOMMU_DEVICE, "noiommu-device", HIGH,
	     "VFIO offers the device without an IOMMU",
	     "whoever opens it reaches all memory by its DMA",
	     "unbind it from vfio-pci, and turn enable_unsafe_noiommu_mode "
	     "off"),
	RULE(NOIOMMU_MODE, "noiommu-mode", HIGH,
	     "VFIO offers devices that no IOMMU is in front of",
	     "a program with such a device reaches all memory by its DMA",
	     "write N to /sys/module/vfio/parameters/"
	     "enable_unsafe_noiommu_mode, and take it out of /etc/modprobe.d"),
	RULE(INTERRUPTS, "interrupts-not-remapped", HIGH,
	     "no interrupt is remapped",
	     "a device can send any vector to any processor, and so attack the "
	     "host, by writing a message",
	     "turn VT-d and x2APIC on in the firmware, and boot without "
	     "intremap=off"),
	RULE(UNIT_INTERRUPTS, "unit-interrupts", HIGH,
	     "a remapping unit does not remap interrupts",
	     "the devices behind it can send any vector to any processor",
	     "boot without intremap=off; if it stays so, update the firmware"),
	RULE(COMPATIBILITY, "compatibility-interrupts", HIGH,
	     "a remapping unit lets compatibility-format interrupts pass",
	     "the devices behind it can send any vector to any processor, past "
	     "the remapping table",
	     "use x2APIC (boot without nox2apic and "
	     "intremap=no_x2apic_optout), "
	     "or a newer kernel"),
	RULE(UNSAFE_INTERRUPTS, "unsafe-interrupts", HIGH,
	     "devices may be assigned without interrupt remapping",
	     "a guest with a device can then attack the host by interrupts",
	     "write N to the parameter, and take it out of /etc/modprobe.d and "
	     "the kernel's command line"),
	RULE(UNVERIFIED_IRTE, "unverified-interrupts", HIGH,
	     "entries of the interrupt remapping table may be used by any "
	     "device",
	     "a device can raise interrupts that belong to others",
	     "boot without intremap=nosid"),
	RULE(BUS_MASTER, "bus-master-on", HIGH,
	     "the device may master the bus, though nobody uses it",
	     "what it was last told to do, or a firmware of its own, goes on "
	     "writing to memory",
	     "clear it: setpci -s BDF COMMAND=0:4; or bind the device to "
	     "vfio-pci, which does"),
	RULE(ACS_OVERRIDE, "acs-overridden", HIGH,
	     "the kernel was told to change, or to pretend, PCI Express access "
	     "control",
	     "groups then promise an isolation that the hardware may not have",
	     "take the option off the kernel's command line"),
	RULE(GROUP_OWNERS, "group-several-owners", HIGH,
	     "devices of one IOMMU group have different owners",
	     "nothing keeps the devices of a group from each other's memory "
	     "and registers",
	     "bind all of the group to vfio-pci, and give them to one guest"),
	RULE(RMRR_RAM, "reserved-memory-is-ram", HIGH,
	     "firmware wants memory mapped for a device that the kernel uses "
	     "as "
	     "RAM",
	     "the device can write to memory of the host's",
	     "update the firmware"),
	RULE(PASS_THROUGH, "pass-through", MEDIUM,
	     "the group's DMA is not translated while the host has it",
	     "its devices reach all memory until they are assigned, and again "
	     "afterwards, as a guest left them",
	     "boot without iommu=pt and iommu.passthrough=1, or write DMA to "
	     "the "
	     "group's type"),
	RULE(ATS_ON, "ats-on", MEDIUM,
	     "the device may send addresses that it says it has translated "
	     "itself",
	     "such requests pass the IOMMU unchecked: the fence is as good as "
	     "the device's honesty",
	     "boot with pci=noats"),
	RULE(ATS_ALLOWED, "ats-allowed", MEDIUM,
	     "the kernel will let the device translate addresses itself (ATS)",
	     "such requests pass the IOMMU unchecked: the fence is as good as "
	     "the device's honesty",
	     "boot with pci=noats"),
	RULE(ACS_MISSING, "acs-missing", MEDIUM,
	     "nothing keeps the device's neighbours from it",
	     "they reach each other's registers without passing the IOMMU",
	     "move the device to a slot of its own; assign it with its whole "
	     "group only"),
	RULE(ALIAS, "requester-alias", MEDIUM,
	     "the device's requests bear the number of a bridge",
	     "the IOMMU cannot tell it from the others behind that bridge",
	     "move it to a PCI Express slot, or give all of them to one guest"),
	RULE(RMRR, "reserved-memory", MEDIUM,
	     "firmware insists on memory that stays mapped for the group's "
	     "devices",
	     "a guest with one of them would reach that memory; VFIO refuses "
	     "them",
	     "turn off what needs it in the firmware (USB legacy support, "
	     "management by the BMC), or update the firmware"),
	RULE(NO_RESET, "no-reset", MEDIUM,
	     "the host knows no way to reset the device",
	     "what one guest left in it, the next one finds, and it goes on "
	     "with what it was doing",
	     "give it to one guest only, or restart the host in between"),
	RULE(DMAR_ODD, "dmar-odd", LOW,
	     "firmware's table of remapping units breaks a rule",
	     "the kernel works around it, or takes the device for another's",
	     "update the firmware"),
	RULE(GROUP_SHARED, "group-shared", LOW,
	     "several devices are in one IOMMU group",
	     "they can only be assigned together, to one guest",
	     "nothing need be done if they are"),
	RULE(LAZY, "lazy-invalidation", LOW,
	     "the host's own devices reach memory a little after it was taken "
	     "from them",
	     "the kernel batches invalidations for devices that it drives; "
	     "assigned ones are invalidated at once",
	     "boot with iommu.strict=1 if the host's devices are not trusted"),
	RULE(RMRR_RELAXED, "reserved-memory-relaxed", LOW,
	     "firmware wanted memory mapped for the group's devices, and Linux "
	     "lets an assigned one do without",
	     "firmware may misbehave if it still uses the device",
	     "turn off USB legacy support in the firmware"),
	RULE(PROTECTED_MEMORY, "protected-memory", LOW,
	     "a remapping unit still protects memory as firmware set it up",
	     "DMA to that memory is lost without being reported",
	     "update the kernel or the firmware"),
	RULE(MEMLOCK, "memlock", LOW, "the user may lock little memory",
	     "guest RAM is locked while a device can reach it: a guest with "
	     "more "
	     "does not start",
	     "raise the limit (memlock in /etc/security/limits.conf, "
	     "LimitMEMLOCK= of systemd)"),
	RULE(HUGE_PAGES, "no-huge-pages", LOW, "no huge pages are reserved",
	     "the IOMMU's tables get long, and mapping guest RAM slow",
	     "echo N > /proc/sys/vm/nr_hugepages, or hugepages=N on the "
	     "kernel's command line"),
};

const char *audit_severity_name(enum audit_severity severity)
{
	static const char *const names[] = {
		[AUDIT_LOW] = "low",
		[AUDIT_MEDIUM] = "medium",
		[AUDIT_HIGH] = "high",
	};

	return names[severity];
}
