// SPDX-License-Identifier: MIT
//
// Limits::request_body_bytes: 413 before the application runs, however the body is framed.
#include "wire/request_cases.h"

namespace winghorn::wire {
namespace {

const std::string kBehind = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kPost = "POST /p HTTP/1.1\r\nHost: x\r\n";
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";
const std::string kChunksTooLarge = "413 Request body is too large (> 8)";

void eight_bytes(Terms& terms) { terms.limits.request_body_bytes = 8; }
void eight_bytes_of_which_four_are_held(Terms& terms) {
  eight_bytes(terms);
  terms.limits.body_memory_bytes = 4;
  terms.limits.body_spill_bytes = 0;
}

std::string sized(std::size_t bytes) {
  return kPost + "Content-Length: " + std::to_string(bytes) + "\r\n\r\n" + std::string(bytes, 'a');
}

}  // namespace

std::vector<Case> body_limit_cases() {
  return {
      {"body_at_the_limit",
       sized(8) + kBehind,
       {"POST /p aaaaaaaa", "GET /smuggled"},
       "kept",
       eight_bytes},
      {"body_beyond_the_limit",
       sized(9) + kBehind,
       {"413 Request body is too large (9 > 8)"},
       "closed",
       eight_bytes},
      {"no_continue_for_a_body_beyond_the_limit",
       kPost + "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
       {"413 Request body is too large (9 > 8)"},
       "closed",
       eight_bytes},
      {"no_body_is_within_a_limit_of_none",
       kPost + "Content-Length: 0\r\n\r\n" + kBehind,
       {"POST /p", "GET /smuggled"},
       "kept",
       [](Terms& terms) { terms.limits.request_body_bytes = 0; }},
      {"chunks_at_the_limit",
       kChunked + "5\r\naaaaa\r\n3\r\naaa\r\n0\r\n\r\n" + kBehind,
       {"POST /p aaaaaaaa", "GET /smuggled"},
       "kept",
       eight_bytes},
      {"one_chunk_beyond_the_limit",
       kChunked + "9\r\naaaaaaaaa\r\n0\r\n\r\n" + kBehind,
       {kChunksTooLarge},
       "closed",
       eight_bytes},
      {"chunks_beyond_the_limit",
       kChunked + "5\r\naaaaa\r\n4\r\naaaa\r\n0\r\n\r\n" + kBehind,
       {kChunksTooLarge},
       "closed",
       eight_bytes},
      {"the_largest_chunk_of_all",
       kChunked + "1\r\na\r\nffffffffffffffff\r\n" + kBehind,
       {kChunksTooLarge},
       "closed",
       eight_bytes},
      // The application began because no more was held without it; it hears of the rest.
      {"chunks_beyond_the_limit_while_it_reads",
       kChunked + "6\r\naaaaaa\r\n3\r\naaa\r\n0\r\n\r\n" + kBehind,
       {"POST /p aaaaaa !TooLarge: Request body is too large (> 8)"},
       "closed",
       eight_bytes_of_which_four_are_held},
  };
}

}  // namespace winghorn::wire
