// SPDX-License-Identifier: MIT
#include "core/base/ascii.h"

#include <gtest/gtest.h>

namespace winghorn {
namespace {

TEST(Ascii, CaseOfLettersAndOfNothingElse) {
  EXPECT_EQ(lower_case("Az@[`{-_09\xc4"), "az@[`{-_09\xc4");
  EXPECT_EQ(upper_case("aZ@[`{-_09\xe4"), "AZ@[`{-_09\xe4");
}

TEST(Ascii, PercentEscapesAreDecodedOnceAndBadOnesKept) {
  struct {
    Bytes path;
    Bytes plain;
  } const cases[] = {
      {"/plain", "/plain"},
      {"/a%20b", "/a b"},
      {"/%c3%A4", "/\xc3\xa4"},
      {"/%2541", "/%41"},
      {"/%4", "/%4"},
      {"/%4g%zz", "/%4g%zz"},
      {"/%", "/%"},
      {"%41", "A"},
      {"%%41", "%A"},
      {"", ""},
  };
  for (const auto& one : cases) {
    std::string scratch = "of the one before";
    EXPECT_EQ(percent_decoded(one.path, scratch), one.plain) << one.path;
  }
}

TEST(Ascii, WhatHasNoEscapeIsNotCopied) {
  const Bytes path = "/plain";
  std::string scratch;
  EXPECT_EQ(percent_decoded(path, scratch).data(), path.data());
}

}  // namespace
}  // namespace winghorn
