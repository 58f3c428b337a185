# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run as a script at each build: OUT becomes a header with the commit that
# SOURCE is at; touched only when that has changed.
cmake_minimum_required(VERSION 3.22)
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define MOAT_COMMIT \"${commit}\"\n")
