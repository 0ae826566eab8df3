// SPDX-License-Identifier: MIT
//
// The classes of hostile requests that are known, our rule for each, and rows of the table that show it.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "wire/request_cases.h"

namespace winghorn::wire {
namespace {

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (auto part : {grammar_cases, framing_cases, policy_cases, body_limit_cases, hostile_cases}) {
    for (Case& each : part()) all.push_back(std::move(each));
  }
  return all;
}

struct HostileClass {
  int number;
  const char* rule;
  std::vector<std::string> rows;
};

const std::vector<HostileClass>& classes() {
  static const std::vector<HostileClass> all{
      {1,
       "A request with a length and a coding is refused.",
       {"length_and_chunked", "chunked_and_length", "contradicting_zero_and_chunks"}},
      {2,
       "A coding is exactly \"chunked\", or it is none and refused.",
       {"disguised_a_nul_behind", "disguised_name_with_a_blank", "undisguised_with_tabs"}},
      {3,
       "Chunked comes last and once; an unknown coding is not implemented.",
       {"coding_chunked, identity", "chunked_twice_in_two_fields", "coding_cow"}},
      {4, "Chunks are not known in HTTP/1.0.", {"chunked_in_http_1_0"}},
      {5,
       "A length is decimal digits that fit.",
       {"length_plus", "length_two_to_the_64", "length_with_zeros_is_decimal"}},
      {6,
       "Length, Host and Content-Type stand once.",
       {"same_length_twice", "second_host", "second_content_type"}},
      {7,
       "A chunk's size is hexadecimal digits that fit.",
       {"chunk_size_b'0x5'", "chunk_size_b'5 '", "chunk_size_b'10000000000000005'"}},
      {8,
       "A line ends in CR LF, everywhere.",
       {"bare_lf_after_line", "line_end_lf_behind_a_chunk", "line_end_cr_in_a_trailer",
        "cr_x_after_last_chunk"}},
      {9,
       "A chunk's line and all of them together have a limit.",
       {"endless_chunk_line", "many_small_chunks_with_extensions"}},
      {10,
       "Trailers have the limits of fields, and are dropped.",
       {"trailer_Content-Length", "too_many_trailers", "trailers_are_dropped"}},
      {11,
       "Nothing is read behind a fault in a body.",
       {"malformed_behind_a_full_pipe", "pipeline_stops_at_a_bad_chunk"}},
      {12,
       "A part of a body is never taken for the whole.",
       {"truncated_body", "end_inside_of_chunks", "last_chunk_without_its_end"}},
      {13,
       "Answers come in the order of requests, none behind a refusal.",
       {"pipeline_of_five", "pipeline_stops_at_a_bad_line"}},
      {14, "A body is read whatever the method is.", {"get_with_body", "request_inside_of_a_body"}},
      {16,
       "100 comes when the body is wanted; other expectations are refused.",
       {"expect_with_its_body", "expect_something_else", "expect_in_1_0"}},
      {17,
       "An upgrade that is not spoken here is passed over.",
       {"connection_upgrade_to_h2c", "pipeline_goes_on_behind_a_refused_websocket"}},
      {18,
       "A method is a token, a target of its method's form, a version HTTP/1.x.",
       {"nul_in_method", "tabs_as_separators", "http_09", "version_HTTP/1.32"}},
      {19,
       "Host names a host; it may be required.",
       {"userinfo_in_host", "no_host_where_it_is_required", "host_in_the_target_and_another_one"}},
      {20,
       "A field's name is a token, right before its colon.",
       {"space_before_colon", "empty_name", "folded", "nel_after_name", "two_empty_lines_before"}},
      {21,
       "A field's value has no control bytes, and is passed on as it is.",
       {"control_byte_0_in_value", "bare_cr_in_value", "obs_text_is_kept"}},
      {22,
       "Lines, fields and bodies have limits.",
       {"endless_line", "fields_over_the_limit", "endless_dropped_fields",
        "body_beyond_the_limit"}},
      {23,
       "A name with '_' is not another's with '-'.",
       {"underscore_dropped", "underscore_refused", "length_with_underscore_is_no_length"}},
      {24,
       "Only proxies that are trusted say what the scheme is.",
       {"https_by_a_stranger", "two_that_contradict", "script_name_of_a_stranger"}},
      {25, "Connection removes no field.", {"named_fields_are_not_removed"}},
      {26,
       "Proxy is a field like others: HTTP_PROXY of the environ, and nobody's environment.",
       {"proxy_is_a_field_like_others"}},
      {51, "HTTP/2 is refused where it is not spoken.", {"http_2_preface"}},
      {57, "A PROXY line is none where it is not looked for.", {"proxy_line_nobody_asked_for"}},
  };
  return all;
}

TEST(HostileClasses, EachIsShownByRowsOfTheTable) {
  std::set<std::string> names;
  for (const Case& each : all_cases()) names.insert(each.name);
  for (const HostileClass& one : classes()) {
    EXPECT_FALSE(one.rows.empty()) << one.number << ": " << one.rule;
    for (const std::string& row : one.rows) {
      EXPECT_TRUE(names.contains(row)) << one.number << ": " << one.rule << " " << row;
    }
  }
}

TEST(HostileClasses, AreThoseThatArriveInARequest) {
  std::set<int> numbers;
  for (const HostileClass& one : classes()) EXPECT_TRUE(numbers.insert(one.number).second);
  for (int number = 1; number <= 26; ++number) {
    // 15 is about the connection: EngineLimits.AnEarlyAnswerIsNotDestroyedByTheRestOfTheUpload. Those from 27 on
    // are about replies (reply_test.cc, fuzz/reply_fuzz.cc) and log lines (fuzz/access_log_fuzz.cc).
    EXPECT_EQ(numbers.contains(number), number != 15) << number;
  }
}

TEST(RequestTable, HasFourHundredRowsThatAllDiffer) {
  std::set<std::string> names;
  std::set<std::string> inputs;
  const std::vector<Case> all = all_cases();
  for (const Case& each : all) {
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
    inputs.insert(each.bytes);
  }
  EXPECT_GE(inputs.size(), 400U) << "different bytes, not only different settings";
}

}  // namespace
}  // namespace winghorn::wire
