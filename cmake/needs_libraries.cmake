# SPDX-License-Identifier: MIT
# What is not ours. Each missing piece is named with the Debian package that brings it.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

find_package(fmt QUIET CONFIG)
if(NOT fmt_FOUND)
  message(FATAL_ERROR "Winghorn needs the fmt library. On Debian: apt-get install libfmt-dev")
endif()
add_library(winghorn_fmt INTERFACE)
# What pip installs must not depend on a shared library that may be gone from the machine it is copied
# to; in a working tree the header-only form would cost every file three more seconds.
if(SKBUILD)
  target_link_libraries(winghorn_fmt INTERFACE fmt::fmt-header-only)
else()
  target_link_libraries(winghorn_fmt INTERFACE fmt::fmt)
endif()

find_package(nlohmann_json QUIET CONFIG)
if(NOT nlohmann_json_FOUND)
  message(FATAL_ERROR "Winghorn needs the nlohmann-json library. On Debian: apt-get install nlohmann-json3-dev")
endif()

# scikit-build-core asks for the interpreter it runs under; by hand it is -DPython_EXECUTABLE=.
if(WINGHORN_TESTS)
  set(winghorn_embed OPTIONAL_COMPONENTS Development.Embed)
endif()
find_package(Python 3.10 QUIET COMPONENTS Interpreter Development.Module ${winghorn_embed})
if(NOT Python_Interpreter_FOUND)
  message(FATAL_ERROR "Winghorn needs Python 3.10 or newer. On Debian: apt-get install python3")
endif()
if(NOT Python_Development.Module_FOUND)
  message(FATAL_ERROR "Winghorn needs the header files of ${Python_EXECUTABLE} (Python ${Python_VERSION}). "
                      "For Debian's own Python: apt-get install python3-dev")
endif()

if(WINGHORN_TESTS)
  find_package(GTest QUIET)
  if(NOT GTest_FOUND)
    message(FATAL_ERROR "The C++ tests need GoogleTest. On Debian: apt-get install libgtest-dev "
                        "(or configure with -DWINGHORN_TESTS=OFF)")
  endif()
  include(GoogleTest)
endif()
