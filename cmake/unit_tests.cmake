# SPDX-License-Identifier: MIT
#
# tests/unit mirrors src/: each folder of *_test.cc becomes one GoogleTest program linked with the
# library it mirrors. tests/wire holds the case tables (labels: wire), tests/threads what runs
# under the thread sanitizer (label: threads). Names in ctest are Suite.Case.

file(GLOB winghorn_support CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/support/*.cc)
add_library(winghorn_test_support INTERFACE)
target_include_directories(winghorn_test_support INTERFACE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(winghorn_test_support INTERFACE winghorn_rules GTest::gtest_main)
if(winghorn_support)
  add_library(winghorn_test_support_code STATIC ${winghorn_support})
  target_link_libraries(winghorn_test_support_code PUBLIC winghorn_test_support)
  foreach(folder core/engine supervisor)
    winghorn_target_name(${folder} folder_target)
    if(TARGET ${folder_target})
      target_link_libraries(winghorn_test_support_code PUBLIC ${folder_target})
    endif()
  endforeach()
endif()

# winghorn_test_program(name label folder...): sources in `sources`, linked with the folders' libraries.
function(winghorn_test_program name label sources)
  add_executable(${name} ${sources})
  # Tests reach the support code first, then the libraries it and they use.
  target_link_libraries(${name} PRIVATE winghorn_test_support)
  if(TARGET winghorn_test_support_code AND NOT label STREQUAL "python")
    target_link_libraries(${name} PRIVATE winghorn_test_support_code)
  endif()
  foreach(folder IN LISTS ARGN)
    winghorn_target_name(${folder} folder_target)
    if(TARGET ${folder_target})
      target_link_libraries(${name} PRIVATE ${folder_target})
    endif()
  endforeach()
  # Tables of cases take most of a build at -O2, and a test's own code is never what is slow.
  target_compile_options(${name} PRIVATE -O1 -g1)
  if(WINGHORN_SANITIZE STREQUAL "address")
    target_compile_options(${name} PRIVATE -fno-sanitize=undefined)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  # PRE_TEST: listing the cases at build time would run every program once per link.
  # An interpreter never gives everything back: leaks are looked for in the programs without one.
  if(label STREQUAL "python")
    set(environment ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS "${label}" TIMEOUT 120 ${environment})
  if(NOT TARGET ${label}_programs)
    add_custom_target(${label}_programs)
  endif()
  add_dependencies(${label}_programs ${name})
endfunction()

file(GLOB_RECURSE winghorn_unit CONFIGURE_DEPENDS
     RELATIVE ${CMAKE_SOURCE_DIR}/tests/unit ${CMAKE_SOURCE_DIR}/tests/unit/*_test.cc)
set(winghorn_unit_folders)
foreach(file IN LISTS winghorn_unit)
  get_filename_component(folder ${file} DIRECTORY)
  list(APPEND winghorn_unit_folders ${folder})
endforeach()
list(REMOVE_DUPLICATES winghorn_unit_folders)

foreach(folder IN LISTS winghorn_unit_folders)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${folder}/*.cc)
  string(REPLACE "/" "_" name "${folder}_tests")
  if(folder MATCHES "^python/")
    if(NOT TARGET Python::Python)
      message(STATUS "tests/unit/${folder}: skipped, ${Python_EXECUTABLE} has no library to embed")
      continue()
    endif()
    winghorn_test_program(${name} python "${sources}" ${folder})
    target_link_libraries(${name} PRIVATE Python::Python)
  else()
    winghorn_test_program(${name} unit "${sources}" ${folder})
  endif()
endforeach()

file(GLOB winghorn_wire CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/wire/*.cc)
if(winghorn_wire)
  winghorn_test_program(wire_tests wire "${winghorn_wire}" core/http1 core/uwsgi core/http)
endif()
file(GLOB winghorn_threads CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/threads/*.cc)
if(winghorn_threads)
  winghorn_test_program(threads_tests threads "${winghorn_threads}" core/engine)
endif()

# `ninja test_programs && ctest`; or only those of one label: unit_programs, wire_programs ...
add_custom_target(test_programs)
foreach(label unit wire threads python)
  if(TARGET ${label}_programs)
    add_dependencies(test_programs ${label}_programs)
  endif()
endforeach()
