# SPDX-License-Identifier: MIT
# Another parser to measure and to compare with: WINGHORN_LLHTTP is the folder of its sources (tools/llhttp).

set(WINGHORN_LLHTTP "" CACHE PATH "folder of llhttp's sources; empty: nothing is compared with it")
if(WINGHORN_LLHTTP)
  enable_language(C)
  file(GLOB winghorn_llhttp_sources ${WINGHORN_LLHTTP}/src/*.c)
  add_library(llhttp STATIC EXCLUDE_FROM_ALL ${winghorn_llhttp_sources})
  target_include_directories(llhttp SYSTEM PUBLIC ${WINGHORN_LLHTTP}/include)
endif()
