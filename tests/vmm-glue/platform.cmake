# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of the emulated platform. acpiexec comes with iasl and runs the DSDT.
find_program(MOAT_IASL iasl REQUIRED)
find_program(MOAT_ACPIEXEC acpiexec REQUIRED)

foreach(name acpi console pci_assign pci_functions pci_host pm rtc serial)
  moat_unit_test(vmm_${name} LIBS moat_vmm
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c)
endforeach()
target_compile_definitions(test_vmm_acpi PRIVATE
  ACPIEXEC="${MOAT_ACPIEXEC}" IASL="${MOAT_IASL}")
# openpty()
target_link_libraries(test_vmm_console PRIVATE util)
