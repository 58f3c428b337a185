# SPDX-License-Identifier: GPL-2.0-or-later
#
# moat_install_library(NAME DESCRIPTION TEXT OBJECTS ... LIBS ...
# [REQUIRES PACKAGE...]): makes libmoat-NAME.so of the objects that the static
# library has, and installs it with its headers and its pkg-config file.
#
# No static libraries are installed: in an archive nothing is hidden, and an
# embedder would share its names with every function of the layer.
function(moat_install_library name)
  cmake_parse_arguments(ARG "" "DESCRIPTION" "OBJECTS;LIBS;REQUIRES" ${ARGN})
  # A sanitizer wants to be in the program first.
  if(MOAT_SANITIZE)
    return()
  endif()
  add_library(moat_${name}_shared SHARED ${ARG_OBJECTS})
  target_link_libraries(moat_${name}_shared PRIVATE ${ARG_LIBS})
  target_link_options(moat_${name}_shared PRIVATE -Wl,--no-undefined)
  set_target_properties(moat_${name}_shared PROPERTIES
    OUTPUT_NAME moat-${name}
    LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR})

  # Where the tree is put later is not known: it finds itself.
  set(pcdir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  file(RELATIVE_PATH up /root/${pcdir} /root)
  string(REGEX REPLACE "/$" "" up ${up})
  set(MOAT_PC_PREFIX "\${pcfiledir}/${up}")
  set(MOAT_PC_NAME moat-${name})
  set(MOAT_PC_DESCRIPTION ${ARG_DESCRIPTION})
  string(JOIN ", " MOAT_PC_REQUIRES ${ARG_REQUIRES})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/moat.pc.in
    ${CMAKE_CURRENT_BINARY_DIR}/moat-${name}.pc @ONLY)

  install(TARGETS moat_${name}_shared
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY include/moat DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/moat-${name}.pc
    DESTINATION ${pcdir})
endfunction()
