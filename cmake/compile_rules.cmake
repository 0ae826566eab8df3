# SPDX-License-Identifier: MIT
# How every file of ours is compiled. Targets link winghorn_rules and get all of it.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# The module's only symbol for others is its PyInit: calls between our files need no detour for those who
# might replace a function at load time.
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

# Paths in the cache's keys are relative to the clone, so a second clone or build folder hits too.
find_program(WINGHORN_CCACHE ccache)
if(WINGHORN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${WINGHORN_CCACHE})
endif()

add_library(winghorn_rules INTERFACE)
target_include_directories(winghorn_rules INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(winghorn_rules INTERFACE WINGHORN_VERSION="${PROJECT_VERSION}")
target_compile_options(winghorn_rules INTERFACE -Wall -Wextra)
if(WINGHORN_WERROR)
  target_compile_options(winghorn_rules INTERFACE -Werror)
endif()

# Set for every target, nanobind's too: a half-instrumented program reports what is not there.
# -O1: at -O2 the address sanitizer's checks take four times as long to compile.
# No vptr: to look at an object it opens a pipe, and calls the object wrong when no descriptor is left.
if(WINGHORN_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-omit-frame-pointer -O1 -g1)
  add_link_options(-fsanitize=address,undefined)
elseif(WINGHORN_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -O1 -g1)
  # g++ warns about each fence, which TSan does not model; what our fences order is atomic anyway.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)
  endif()
  add_link_options(-fsanitize=thread)
elseif(NOT WINGHORN_SANITIZE STREQUAL "")
  message(FATAL_ERROR "WINGHORN_SANITIZE is 'address', 'thread' or empty, not '${WINGHORN_SANITIZE}'.")
endif()
if(WINGHORN_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The checks keep g++ 12 from seeing that std::regex does initialize.
  target_compile_options(winghorn_rules INTERFACE -Wno-maybe-uninitialized)
endif()
