// SPDX-License-Identifier: MIT
#include "core/http/error_page.h"

#include <gtest/gtest.h>

#include <string>

namespace winghorn {
namespace {

TEST(ErrorPage, IsGunicornsToTheByte) {
  const ErrorPage page = make_error_page(400, "Bad Request", "Invalid HTTP Header: 'A'");
  EXPECT_EQ(page.body,
            "<html>\n"
            "  <head>\n"
            "    <title>Bad Request</title>\n"
            "  </head>\n"
            "  <body>\n"
            "    <h1><p>Bad Request</p></h1>\n"
            "    Invalid HTTP Header: &#x27;A&#x27;\n"
            "  </body>\n"
            "</html>\n");
  EXPECT_EQ(page.head.status(), 400);
  EXPECT_EQ(page.head.reason(), "Bad Request");
  EXPECT_TRUE(page.head.is_error_page());
  EXPECT_EQ(page.head.content_length(), page.body.size());
  page.head.each_field([](const Field& field) {
    EXPECT_EQ(field.name, "Content-Type");
    EXPECT_EQ(field.value, "text/html");
  });
  EXPECT_EQ(page.head.field_count(), 1U);
}

TEST(ErrorPage, KeepsItsIndentWithoutAMessage) {
  EXPECT_NE(
      make_error_page(500, "Internal Server Error", "").body.find("</p></h1>\n    \n  </body>"),
      std::string::npos);
}

TEST(ErrorPage, EscapesTheMessageOnly) {
  const ErrorPage page = make_error_page(400, "<b>", "<script>\"&'\xe9");
  EXPECT_NE(page.body.find("<title><b></title>"), std::string::npos);
  EXPECT_NE(page.body.find("    &lt;script&gt;&quot;&amp;&#x27;\xe9\n"), std::string::npos);
}

TEST(ReasonPhrase, IsTheStandards) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(414), "URI Too Long");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(501), "Not Implemented");
  EXPECT_EQ(reason_phrase(100), "Continue");
  EXPECT_EQ(reason_phrase(511), "Network Authentication Required");
  EXPECT_EQ(reason_phrase(299), "Unknown");
  EXPECT_EQ(reason_phrase(999), "Unknown");
  EXPECT_EQ(reason_phrase(0), "Unknown");
}

}  // namespace
}  // namespace winghorn
