# SPDX-License-Identifier: GPL-2.0-or-later
# The emulated platform: sets MOAT_PLATFORM_SOURCES, and compiles dsdt.asl.
# With -P it is a script instead: AML turns into a C array, AML to OUT.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${AML} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes ${hex})
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)"
    "\\1\n\t" bytes ${bytes})
  file(WRITE ${OUT} "#include \"vmm-glue/dsdt.h\"\n\n"
    "const unsigned char dsdt_aml[] = {\n\t${bytes}\n};\n"
    "const size_t dsdt_aml_len = sizeof(dsdt_aml);\n")
  return()
endif()

find_program(MOAT_IASL iasl REQUIRED)

set(MOAT_DSDT_AML ${CMAKE_CURRENT_BINARY_DIR}/dsdt.aml)
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/dsdt.c ${MOAT_DSDT_AML}
  COMMAND ${MOAT_IASL} -vs -p ${CMAKE_CURRENT_BINARY_DIR}/dsdt
    ${CMAKE_CURRENT_LIST_DIR}/dsdt.asl
  COMMAND ${CMAKE_COMMAND} -DAML=${MOAT_DSDT_AML}
    -DOUT=${CMAKE_CURRENT_BINARY_DIR}/dsdt.c
    -P ${CMAKE_CURRENT_LIST_DIR}/platform.cmake
  DEPENDS ${CMAKE_CURRENT_LIST_DIR}/dsdt.asl
    ${CMAKE_CURRENT_LIST_DIR}/platform.cmake
  COMMENT "Compiling dsdt.asl"
  VERBATIM)

set(MOAT_PLATFORM_SOURCES
  ${CMAKE_CURRENT_BINARY_DIR}/dsdt.c
  ${CMAKE_CURRENT_LIST_DIR}/acpi.c
  ${CMAKE_CURRENT_LIST_DIR}/acpi_nodes.c
  ${CMAKE_CURRENT_LIST_DIR}/config_space.c
  ${CMAKE_CURRENT_LIST_DIR}/console.c
  ${CMAKE_CURRENT_LIST_DIR}/pci_assign.c
  ${CMAKE_CURRENT_LIST_DIR}/pci_host.c
  ${CMAKE_CURRENT_LIST_DIR}/pm.c
  ${CMAKE_CURRENT_LIST_DIR}/root_port.c
  ${CMAKE_CURRENT_LIST_DIR}/rtc.c
  ${CMAKE_CURRENT_LIST_DIR}/serial.c
  ${CMAKE_CURRENT_LIST_DIR}/terminal.c)
