# SPDX-License-Identifier: MIT
#
# The extension winghorn._core: all of src/python/module over the folders' libraries.
# Under pip it is installed into the wheel. In a working tree it is built into
# <build>/site/winghorn beside links to python/winghorn, so <build>/site is importable,
# each build folder has its own, and an edited .py file needs no build.

file(GLOB winghorn_module CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/python/module/*.cc)
if(NOT winghorn_module)
  message(STATUS "winghorn._core: skipped, src/python/module is empty")
  return()
endif()

execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir
                OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT nanobind_ROOT)
  if(SKBUILD)
    message(FATAL_ERROR "winghorn._core needs nanobind: ${Python_EXECUTABLE} -m pip install nanobind")
  endif()
  message(WARNING "winghorn._core: skipped, ${Python_EXECUTABLE} cannot import nanobind "
                  "(tools/setup makes a .venv that can: -DPython_EXECUTABLE=.venv/bin/python)")
  return()
endif()
find_package(nanobind CONFIG REQUIRED)

# NOMINSIZE: nanobind asks for -Os, and the request path lives in this target's libraries and here.
nanobind_add_module(_core NB_STATIC NOMINSIZE ${winghorn_module})
target_link_libraries(_core PRIVATE winghorn_rules winghorn_fmt Threads::Threads)
foreach(folder IN LISTS winghorn_folders)
  winghorn_target_name(${folder} folder_target)
  target_link_libraries(_core PRIVATE ${folder_target})
endforeach()

if(SKBUILD)
  install(TARGETS _core LIBRARY DESTINATION winghorn)
  return()
endif()

set(site ${CMAKE_BINARY_DIR}/site/winghorn)
set_target_properties(_core PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${site})
file(MAKE_DIRECTORY ${site})
# Links of files that are gone would still be imported, or break whoever lists the folder.
file(GLOB winghorn_linked LIST_DIRECTORIES true ${site}/*)
foreach(entry IN LISTS winghorn_linked)
  if(IS_SYMLINK ${entry})
    file(REMOVE ${entry})
  endif()
endforeach()
file(GLOB winghorn_python CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/python/winghorn/*)
foreach(entry IN LISTS winghorn_python)
  get_filename_component(name ${entry} NAME)
  if(NOT name STREQUAL "__pycache__" AND NOT name MATCHES "\\.so$")
    file(CREATE_LINK ${entry} ${site}/${name} SYMBOLIC)
  endif()
endforeach()
