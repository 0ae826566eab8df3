# SPDX-License-Identifier: MIT
# Asked before project(): CMake's own complaint about a missing compiler does not say what to install.

if(NOT CMAKE_CXX_COMPILER AND NOT DEFINED ENV{CXX})
  find_program(WINGHORN_ANY_CXX NAMES c++ g++ clang++)
  if(NOT WINGHORN_ANY_CXX)
    message(FATAL_ERROR "Winghorn needs a C++20 compiler. On Debian: apt-get install g++")
  endif()
endif()
