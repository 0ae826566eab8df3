// SPDX-License-Identifier: MIT
#include "core/http/reply.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace winghorn {
namespace {

std::vector<std::string> fields_of(const ReplyHead& head) {
  std::vector<std::string> fields;
  head.each_field([&](const Field& field) {
    fields.push_back(std::string(field.name) + ": " + std::string(field.value));
  });
  return fields;
}

TEST(ReplyHead, KeepsFieldsInOrderAsGiven) {
  ReplyHead head;
  EXPECT_TRUE(head.set_status(200, "Fine"));
  EXPECT_EQ(head.add("X-B", " \t two words\t "), FieldFault::None);
  EXPECT_EQ(head.add("x-a", ""), FieldFault::None);
  EXPECT_EQ(head.add("X-B", "\xe9\tz"), FieldFault::None);
  EXPECT_EQ(fields_of(head), (std::vector<std::string>{"X-B: two words", "x-a: ", "X-B: \xe9\tz"}));
  EXPECT_EQ(head.field_count(), 3U);
  EXPECT_EQ(head.status(), 200);
  EXPECT_EQ(head.reason(), "Fine");
}

TEST(ReplyHead, RefusesNamesThatAreNoTokens) {
  ReplyHead head;
  using namespace std::string_view_literals;
  for (const Bytes name :
       {""sv, " "sv, "a b"sv, "a:"sv, "a\r\nb"sv, "a\0"sv, "\xe9"sv, "a\n"sv, "(a)"sv}) {
    EXPECT_EQ(head.add(name, "v"), FieldFault::BadName) << name;
  }
  EXPECT_EQ(head.field_count(), 0U);
}

TEST(ReplyHead, RefusesValuesThatCouldSplitAReply) {
  using namespace std::string_view_literals;
  ReplyHead head;
  for (const Bytes value :
       {"a\r\nb"sv, "a\n"sv, "\ra"sv, "a\0b"sv, "\x1b[2J"sv, "a\x7f"sv, "0123456789abcdef\n"sv}) {
    EXPECT_EQ(head.add("Location", value), FieldFault::BadValue) << value;
    EXPECT_EQ(head.add("Connection", value), FieldFault::BadValue) << value;
    EXPECT_FALSE(head.set_status(200, value)) << value;
  }
  EXPECT_EQ(head.field_count(), 0U);
}

TEST(ReplyHead, TakesThreeDigitStatusesOnly) {
  ReplyHead head;
  EXPECT_FALSE(head.set_status(99, {}));
  EXPECT_FALSE(head.set_status(1000, {}));
  EXPECT_FALSE(head.set_status(-200, {}));
  EXPECT_TRUE(head.set_status(100, {}));
  EXPECT_TRUE(head.set_status(999, {}));
}

TEST(ReplyHead, DropsWhatBelongsToTheConnection) {
  ReplyHead head;
  for (const Bytes name :
       {"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailers",
        "Transfer-Encoding", "Upgrade", "Server", "Date", "date"}) {
    EXPECT_EQ(head.add(name, "chunked"), FieldFault::None) << name;
  }
  EXPECT_EQ(head.field_count(), 0U);
  for (const Bytes name :
       {"Trailer", "Dates", "Servers", "T", "Keep-Alives", "Transfer_Encoding"}) {
    EXPECT_EQ(head.add(name, "x"), FieldFault::None) << name;
  }
  EXPECT_EQ(head.field_count(), 6U);
}

TEST(ReplyHead, KeepsAnUpgradeToWebSocketAlone) {
  ReplyHead head;
  head.add("Upgrade", "h2c");
  head.add("UPGRADE", "WebSocket");
  EXPECT_EQ(fields_of(head), std::vector<std::string>{"UPGRADE: WebSocket"});
}

TEST(ReplyHead, UnderstandsConnectionOptions) {
  ReplyHead head;
  head.add("Connection", "keep-alive");
  EXPECT_FALSE(head.asks_close());
  EXPECT_FALSE(head.asks_upgrade());
  head.add("connection", "x , Upgrade,CLOSE");
  EXPECT_TRUE(head.asks_close());
  EXPECT_TRUE(head.asks_upgrade());
  EXPECT_EQ(head.field_count(), 0U);
}

TEST(ReplyHead, KnowsOneLength) {
  ReplyHead head;
  EXPECT_FALSE(head.content_length().has_value());
  EXPECT_EQ(head.add("Content-Length", " 012 "), FieldFault::None);
  EXPECT_EQ(head.content_length(), 12U);
  EXPECT_EQ(head.add("content-length", "12"), FieldFault::None);
  EXPECT_EQ(head.add("Content-Length", "13"), FieldFault::BadLength);
  EXPECT_EQ(head.content_length(), 12U);
  EXPECT_EQ(head.field_count(), 0U);
}

TEST(ReplyHead, RefusesLengthsThatAreNone) {
  for (const Bytes value : {"", "-1", "+1", "1.0", "0x1", "1 2", "a", "18446744073709551616"}) {
    ReplyHead head;
    EXPECT_EQ(head.add("Content-Length", value), FieldFault::BadLength) << value;
    EXPECT_FALSE(head.content_length().has_value());
  }
  ReplyHead head;
  EXPECT_EQ(head.add("Content-Length", "18446744073709551615"), FieldFault::None);
}

TEST(ReplyHead, IsFreshAfterClear) {
  ReplyHead head;
  head.set_status(404, "No");
  head.add("Connection", "close, upgrade");
  head.add("Content-Length", "1");
  head.add("A", "b");
  head.mark_error_page();
  head.clear();
  EXPECT_EQ(head.status(), 0);
  EXPECT_EQ(head.reason(), "");
  EXPECT_FALSE(head.asks_close() || head.asks_upgrade() || head.is_error_page());
  EXPECT_FALSE(head.content_length().has_value());
  EXPECT_TRUE(fields_of(head).empty());
}

}  // namespace
}  // namespace winghorn
