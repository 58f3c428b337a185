/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the machine has that a bus does not tell of itself. The numbers are
 * those of layout.h and pm_regs.h; tests/vmm-glue/test_acpi.c runs this
 * table in ACPICA's interpreter and compares.
 *
 * PCI's memory windows and where ECAM begins are known at run time only:
 * acpi.c writes an SSDT that has the windows' ends as \_SB.M32F and M32L, M64F
 * and M64L, and ECAM's start as ECAF.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "MOAT", "MOATDSDT", 1)
{
	External (\_SB.M32F, IntObj)
	External (\_SB.M32L, IntObj)
	External (\_SB.M64F, IntObj)
	External (\_SB.M64L, IntObj)
	External (\_SB.ECAF, IntObj)

	/* Power-off; the only sleeping state. */
	Name (\_S5, Package () { 5, 5, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, Zero)
			Name (_SEG, Zero)
			Name (_BBN, Zero)

			Name (CRS0, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed,
					MaxFixed, PosDecode,
					0, 0x0000, 0x001F, 0, 0x0020)
				IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed,
					PosDecode, EntireRange,
					0, 0x1000, 0xFFFF, 0, 0xF000)
				DWordMemory (ResourceProducer, PosDecode,
					MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0, 0, 0, 0, 0,,, W32)
				QWordMemory (ResourceProducer, PosDecode,
					MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0, 0, 0, 0, 0,,, W64)
			})

			Method (_CRS, 0, Serialized)
			{
				CreateDWordField (CRS0, ^W32._MIN, W32F)
				CreateDWordField (CRS0, ^W32._MAX, W32L)
				CreateDWordField (CRS0, ^W32._LEN, W32N)
				CreateQWordField (CRS0, ^W64._MIN, W64F)
				CreateQWordField (CRS0, ^W64._MAX, W64L)
				CreateQWordField (CRS0, ^W64._LEN, W64N)

				W32F = \_SB.M32F
				W32L = \_SB.M32L
				W32N = W32L - W32F + 1
				W64F = \_SB.M64F
				W64L = \_SB.M64L
				W64N = W64L - W64F + 1
				Return (CRS0)
			}

			/*
			 * The operating system gets the PCI Express
			 * capability structure (bit 4) and nothing else: no
			 * slot can be hot plugged, root ports raise no PME
			 * and have no AER, and LTR is not for a guest.
			 */
			Method (_OSC, 4)
			{
				CreateDWordField (Arg3, 0, CDW1)
				If (Arg0 != ToUUID (
				    "33db4d5b-1ff7-401c-9657-7441c03dd766"))
				{
					CDW1 |= 0x04 /* unknown UUID */
					Return (Arg3)
				}
				CreateDWordField (Arg3, 8, CDW3)
				Local0 = CDW3 & 0x10
				If (Arg1 != 1)
				{
					CDW1 |= 0x08 /* unknown revision */
				}
				If (Local0 != CDW3)
				{
					CDW1 |= 0x10 /* some bits refused */
				}
				CDW3 = Local0
				Return (Arg3)
			}

			/*
			 * Slot d, pin p (0 is INTA#): GSI 16 + (d + p) % 8,
			 * as pci_host_intx_gsi() has it.
			 */
			Method (_PRT, 0, Serialized)
			{
				Local0 = Package (128) {}
				Local1 = 0
				While (Local1 < 128)
				{
					Local2 = Local1 >> 2
					Local3 = Local1 & 3
					Local4 = Package (4) { 0, 0, 0, 0 }
					Local4[0] = (Local2 << 16) | 0xFFFF
					Local4[1] = Local3
					Local4[3] = 16 + ((Local2 + Local3) & 7)
					Local0[Local1] = Local4
					Local1++
				}
				Return (Local0)
			}
		}

		/* What the machine decodes and PCI must leave alone. */
		Device (MRES)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, Zero)
			Name (CRS0, ResourceTemplate ()
			{
				/* ECAM, as MCFG says */
				Memory32Fixed (ReadWrite, 0,
					0x02000000, ECAM)
				/* ACPI's PM registers */
				IO (Decode16, 0x0600, 0x0600, 1, 0x10)
			})

			Method (_CRS, 0, Serialized)
			{
				CreateDWordField (CRS0, ^ECAM._BAS, ECAB)

				ECAB = \_SB.ECAF
				Return (CRS0)
			}
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, One)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		/* Without an interrupt: it has none. */
		Device (RTC0)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 1, 2)
			})
		}
	}
}
