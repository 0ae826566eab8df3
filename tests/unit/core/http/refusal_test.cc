// SPDX-License-Identifier: MIT
#include "core/http/refusal.h"

#include <gtest/gtest.h>

#include <string>

namespace winghorn {
namespace {

TEST(PythonText, QuotesAsReprDoes) {
  EXPECT_EQ(python_text("abc"), "'abc'");
  EXPECT_EQ(python_text("it's"), "\"it's\"");
  EXPECT_EQ(python_text("\"it's\""), "'\"it\\'s\"'");
  EXPECT_EQ(python_text("\"a\""), "'\"a\"'");
  EXPECT_EQ(python_text("\\"), "'\\\\'");
  EXPECT_EQ(python_text({"\t\r\n\0\x1b\x7f", 6}), "'\\t\\r\\n\\x00\\x1b\\x7f'");
  EXPECT_EQ(python_text("\x80\xa0\xad"), "'\\x80\\xa0\\xad'");
  EXPECT_EQ(python_text("\xa1\xe9\xff"), "'\xa1\xe9\xff'");
}

TEST(PythonBytes, ShowsAsciiOnly) {
  EXPECT_EQ(python_bytes("a\xe9'"), "b\"a\\xe9'\"");
  EXPECT_EQ(python_bytes(""), "b''");
}

TEST(Refusal, KeepsTheLogInAscii) {
  const Refusal refusal = invalid_header("\xe9\x1b");
  EXPECT_EQ(refusal.page, "Invalid HTTP Header: '\xe9\\x1b'");
  EXPECT_EQ(refusal.log, "Invalid HTTP Header: '\\xe9\\x1b'");
  EXPECT_EQ(refusal.status, 400);
}

TEST(Refusal, SaysTwoThingsAboutALine) {
  const Refusal refusal = invalid_request_line("GET");
  EXPECT_EQ(refusal.page, "Invalid Request Line 'Invalid HTTP request line: 'GET''");
  EXPECT_EQ(refusal.log, "Invalid HTTP request line: 'GET'");
  EXPECT_EQ(header_limit(kTooManyFields).page,
            "Error parsing headers: 'limit request headers fields'");
  EXPECT_EQ(header_limit(kTooManyFields).log, "limit request headers fields");
}

}  // namespace
}  // namespace winghorn
