# SPDX-License-Identifier: MIT
# bench/x.cc becomes the program x. Not part of `all`: `ninja bench_programs`.

file(GLOB winghorn_bench CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*.cc)
add_custom_target(bench_programs)
foreach(file IN LISTS winghorn_bench)
  get_filename_component(stem ${file} NAME_WE)
  add_executable(${stem} EXCLUDE_FROM_ALL ${file})
  target_link_libraries(${stem} PRIVATE winghorn_rules Threads::Threads)
  foreach(folder core/engine core/http1)
    winghorn_target_name(${folder} folder_target)
    if(TARGET ${folder_target})
      target_link_libraries(${stem} PRIVATE ${folder_target})
    endif()
  endforeach()
  set_target_properties(${stem} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  add_dependencies(bench_programs ${stem})
endforeach()
