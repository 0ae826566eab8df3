// SPDX-License-Identifier: MIT
//
// What the peer gets back, to the byte.
#include <gtest/gtest.h>

#include <sys/mman.h>

#include <ostream>

#include "wire/driver.h"

namespace winghorn::wire {
namespace {

const std::string kGet = "GET / HTTP/1.1\r\n\r\n";
const std::string kDate = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
const std::string kKept = "Server: winghorn\r\n" + kDate + "Connection: keep-alive\r\n";
const std::string kLast = "Server: winghorn\r\n" + kDate + "Connection: close\r\n";

using Application = void (*)(Exchange&, const std::string&);

ReplyHead head_of(int status, std::initializer_list<Field> fields = {}) {
  ReplyHead head;
  head.set_status(status, {});
  for (const Field& field : fields) EXPECT_EQ(head.add(field.name, field.value), FieldFault::None);
  return head;
}

FilePart file_of(Bytes content) {
  FilePart part;
  part.file = Fd(::memfd_create("reply_test", MFD_CLOEXEC));
  EXPECT_EQ(::write(part.file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  part.length = content.size();
  return part;
}

struct Row {
  const char* name;
  std::string request;
  Application application;
  std::string output;
  const char* end = "kept";
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

std::string page(const std::string& status, const std::string& reason, const std::string& message) {
  const std::string body = "<html>\n  <head>\n    <title>" + reason +
                           "</title>\n  </head>\n  <body>\n    <h1><p>" + reason +
                           "</p></h1>\n    " + message + "\n  </body>\n</html>\n";
  return "HTTP/1.1 " + status + " " + reason +
         "\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string head_alone(const std::string& reply) {
  return reply.substr(0, reply.find("\r\n\r\n") + 4);
}

std::vector<Row> framing_rows() {
  return {
      {"whole_reply_gets_a_length", kGet,
       [](Exchange& e, const std::string&) { e.reply.answer(head_of(200, {{"A", "b"}}), "hello"); },
       "HTTP/1.1 200 OK\r\n" + kKept + "A: b\r\nContent-Length: 5\r\n\r\nhello"},
      {"given_length", kGet,
       [](Exchange& e, const std::string&) {
         e.reply.answer(head_of(200, {{"content-length", "5"}, {"A", "b"}}), "hello");
       },
       "HTTP/1.1 200 OK\r\n" + kKept + "A: b\r\nContent-Length: 5\r\n\r\nhello"},
      {"empty_reply", kGet,
       [](Exchange& e, const std::string&) { e.reply.answer(head_of(200), ""); },
       "HTTP/1.1 200 OK\r\n" + kKept + "Content-Length: 0\r\n\r\n"},
      {"head_request", "HEAD / HTTP/1.1\r\n\r\n",
       [](Exchange& e, const std::string&) {
         e.reply.answer(head_of(200, {{"Content-Length", "5"}}), "hello");
       },
       "HTTP/1.1 200 OK\r\n" + kKept + "Content-Length: 5\r\n\r\n", "kept"},
      {"head_request_without_length", "HEAD / HTTP/1.1\r\n\r\n",
       [](Exchange& e, const std::string&) { e.reply.answer(head_of(200), ""); },
       "HTTP/1.1 200 OK\r\n" + kKept + "\r\n"},
      {"no_content", kGet,
       [](Exchange& e, const std::string&) {
         e.reply.answer(head_of(204, {{"Content-Length", "5"}}), "hello");
       },
       "HTTP/1.1 204 No Content\r\n" + kKept + "\r\n", "kept"},
      {"not_modified", kGet,
       [](Exchange& e, const std::string&) {
         e.reply.answer(head_of(304, {{"Content-Length", "5"}, {"ETag", "x"}}), "");
       },
       "HTTP/1.1 304 Not Modified\r\n" + kKept + "ETag: x\r\nContent-Length: 5\r\n\r\n"},
      {"informational_as_the_last_word", kGet,
       [](Exchange& e, const std::string&) { e.reply.answer(head_of(100), "x"); },
       "HTTP/1.1 100 Continue\r\n" + kLast + "\r\n", "closed"},
      {"upgrade", kGet,
       [](Exchange& e, const std::string&) {
         e.reply.answer(head_of(101, {{"Connection", "Upgrade"}, {"Upgrade", "WebSocket"}}), "");
       },
       "HTTP/1.1 101 Switching Protocols\r\nServer: winghorn\r\n" + kDate +
           "Connection: upgrade\r\nUpgrade: WebSocket\r\n\r\n",
       "closed"},
      {"http_1_0", "GET / HTTP/1.0\r\n\r\n",
       [](Exchange& e, const std::string&) { e.reply.answer(head_of(200), "hello"); },
       "HTTP/1.0 200 OK\r\n" + kLast + "Content-Length: 5\r\n\r\nhello", "closed"},
      {"http_1_0_keep_alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
       [](Exchange& e, const std::string&) { e.reply.answer(head_of(200), "hello"); },
       "HTTP/1.0 200 OK\r\n" + kKept + "Content-Length: 5\r\n\r\nhello"},
      {"application_says_close", kGet,
       [](Exchange& e, const std::string&) {
         e.reply.answer(head_of(200, {{"Connection", "x, Close"}}), "");
       },
       "HTTP/1.1 200 OK\r\n" + kLast + "Content-Length: 0\r\n\r\n", "closed"},
      {"unknown_status", kGet,
       [](Exchange& e, const std::string&) { e.reply.answer(head_of(299), ""); },
       "HTTP/1.1 299 Unknown\r\n" + kKept + "Content-Length: 0\r\n\r\n"},
      {"error_page", kGet,
       [](Exchange& e, const std::string&) {
         ErrorPage made = make_error_page(500, "Internal Server Error", "");
         e.reply.answer(std::move(made.head), made.body);
       },
       page("500", "Internal Server Error", ""), "closed"},
      {"nothing_said", kGet, [](Exchange& e, const std::string&) { e.reply.finish(); },
       page("500", "Internal Server Error", ""), "closed"},
      {"cut_before_the_head", kGet, [](Exchange& e, const std::string&) { e.reply.cut(); },
       page("500", "Internal Server Error", ""), "closed"},
      {"more_than_the_length", kGet,
       [](Exchange& e, const std::string&) {
         e.reply.start(head_of(200, {{"Content-Length", "7"}}));
         e.reply.write("hello");
         e.reply.write("world");
         e.reply.write("!");
         e.reply.finish();
       },
       "HTTP/1.1 200 OK\r\n" + kKept + "Content-Length: 7\r\n\r\nhellowo"},
      {"less_than_the_length", kGet,
       [](Exchange& e, const std::string&) {
         e.reply.answer(head_of(200, {{"Content-Length", "7"}}), "hello");
       },
       "HTTP/1.1 200 OK\r\n" + kKept + "Content-Length: 7\r\n\r\nhello", "closed"},
      {"early_hints", kGet,
       [](Exchange& e, const std::string&) {
         e.reply.inform(head_of(103, {{"Link", "</a>"}}));
         e.reply.answer(head_of(200), "");
       },
       "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n" + kKept +
           "Content-Length: 0\r\n\r\n"},
      {"early_hints_in_1_0", "GET / HTTP/1.0\r\n\r\n",
       [](Exchange& e, const std::string&) {
         e.reply.inform(head_of(103, {{"Link", "</a>"}}));
         e.reply.answer(head_of(200), "");
       },
       "HTTP/1.0 200 OK\r\n" + kLast + "Content-Length: 0\r\n\r\n", "closed"},
      {"file", kGet,
       [](Exchange& e, const std::string&) {
         e.reply.start(head_of(200));
         e.reply.write("<");
         e.reply.write_file(file_of("content"));
         e.reply.write(">");
         e.reply.finish();
       },
       "HTTP/1.1 200 OK\r\n" + kKept + "Content-Length: 9\r\n\r\n<content>"},
      {"file_longer_than_the_length", kGet,
       [](Exchange& e, const std::string&) {
         e.reply.start(head_of(200, {{"Content-Length", "3"}}));
         e.reply.write_file(file_of("content"));
         e.reply.finish();
       },
       "HTTP/1.1 200 OK\r\n" + kKept + "Content-Length: 3\r\n\r\ncon"},
      {"file_after_head_request", "HEAD / HTTP/1.1\r\n\r\n",
       [](Exchange& e, const std::string&) {
         e.reply.start(head_of(200, {{"Content-Length", "7"}}));
         e.reply.write_file(file_of("content"));
         e.reply.finish();
       },
       "HTTP/1.1 200 OK\r\n" + kKept + "Content-Length: 7\r\n\r\n", "kept"},
      {"refused_request", "GET / HTTP/3.0\r\n\r\n", [](Exchange&, const std::string&) {},
       page("505", "HTTP Version Not Supported",
            "Invalid HTTP Version &#x27;Invalid HTTP Version: (3, 0)&#x27;"),
       "closed"},
      {"refused_request_is_escaped", "GET <script>&\"' HTTP/1.1\r\n\r\n",
       [](Exchange&, const std::string&) {},
       page("400", "Bad Request",
            "Invalid Request Line &#x27;Invalid HTTP request line: &#x27;GET "
            "&lt;script&gt;&amp;&quot;\\&#x27;"
            " HTTP/1.1&#x27;&#x27;"),
       "closed"},
      {"header_limit_page", "GET / HTTP/1.1\r\nA: " + std::string(8190, 'b') + "\r\n\r\n",
       [](Exchange&, const std::string&) {},
       page("431", "Request Header Fields Too Large",
            "Error parsing headers: &#x27;limit request headers fields size&#x27;"),
       "closed"},
      {"unsupported_coding_page", "POST / HTTP/1.1\r\nTransfer-Encoding: cow\r\n\r\n",
       [](Exchange&, const std::string&) {},
       page("501", "Not Implemented", "Unsupported transfer coding: &#x27;cow&#x27;"), "closed"},
      {"refused_head_request", "HEAD / HTTP/1.1\r\nA\r\n\r\n", [](Exchange&, const std::string&) {},
       head_alone(page("400", "Bad Request", "Invalid HTTP Header: &#x27;A&#x27;")), "closed"},
  };
}

class Reply : public testing::TestWithParam<Row> {};

TEST_P(Reply, IsFramedToTheByte) {
  const Row& row = GetParam();
  Terms terms;
  terms.application = row.application;
  Driver driver(terms);
  driver.feed(row.request);
  EXPECT_EQ(driver.output, row.output);
  EXPECT_STREQ(driver.closed ? "closed" : "kept", row.end);
  EXPECT_EQ(driver.ahead_at_end, 0U);
  EXPECT_FALSE(driver.busy());
  const std::size_t body = driver.output.rfind("\r\n\r\n") + 4;
  EXPECT_EQ(driver.body_bytes_logged, driver.output.size() - body);
}

INSTANTIATE_TEST_SUITE_P(Framing, Reply, testing::ValuesIn(framing_rows()),
                         [](const testing::TestParamInfo<Row>& info) {
                           return std::string(info.param.name);
                         });

// ---- Replies that come in parts

class Streamed : public testing::Test {
 protected:
  // The application has the exchange and answers when the test says so.
  void begin(const std::string& request, bool read_body = false) {
    if (!read_body) terms_.eager = [](Exchange&) { return true; };
    driver_ = std::make_unique<Driver>(terms_);
    driver_->feed(request);
    exchange_ = driver_->running();
    ASSERT_NE(exchange_, nullptr);
  }
  std::string pumped() {
    driver_->output.clear();
    driver_->pump();
    return driver_->output;
  }

  Terms terms_;
  std::unique_ptr<Driver> driver_;
  Exchange* exchange_ = nullptr;
};

TEST_F(Streamed, ChunksHaveCapitalHexadecimalSizes) {
  begin(kGet);
  exchange_->reply.start(head_of(200, {{"A", "b"}}));
  EXPECT_EQ(pumped(), "HTTP/1.1 200 OK\r\n" + kKept + "Transfer-Encoding: chunked\r\nA: b\r\n\r\n");
  exchange_->reply.write(std::string(171, 'x'));
  EXPECT_EQ(pumped(), "AB\r\n" + std::string(171, 'x') + "\r\n");
  exchange_->reply.write("y");
  exchange_->reply.write("z");
  EXPECT_EQ(pumped(), "2\r\nyz\r\n");
  exchange_->reply.write_file(file_of("content"));
  EXPECT_EQ(pumped(), "7\r\ncontent\r\n");
  exchange_->reply.write("end");
  exchange_->reply.finish();
  EXPECT_EQ(pumped(), "3\r\nend\r\n0\r\n\r\n");
  EXPECT_FALSE(driver_->closed);
  EXPECT_EQ(driver_->body_bytes_logged, 183U);
  EXPECT_EQ(driver_->ahead_at_end, 0U);
}

TEST_F(Streamed, CutChunksHaveNoEnd) {
  begin(kGet);
  exchange_->reply.start(head_of(200));
  exchange_->reply.write("abc");
  pumped();
  exchange_->reply.cut();
  EXPECT_EQ(pumped(), "");
  EXPECT_TRUE(driver_->closed);
}

TEST_F(Streamed, WhatAnotherHandHasAnsweredGetsNothingOfOurs) {
  begin(kGet);
  exchange_->reply.hang_up();
  EXPECT_EQ(pumped(), "");
  EXPECT_TRUE(driver_->closed);
}

TEST_F(Streamed, Http10WithoutLengthEndsWithTheConnection) {
  begin("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  exchange_->reply.start(head_of(200));
  EXPECT_EQ(pumped(), "HTTP/1.0 200 OK\r\n" + kLast + "\r\n");
  exchange_->reply.write("abc");
  EXPECT_EQ(pumped(), "abc");
  EXPECT_FALSE(driver_->closed);
  exchange_->reply.finish();
  EXPECT_EQ(pumped(), "");
  EXPECT_TRUE(driver_->closed);
}

TEST_F(Streamed, ALengthIsKeptOverManyPieces) {
  begin(kGet);
  exchange_->reply.start(head_of(200, {{"Content-Length", "4"}}));
  exchange_->reply.write("abc");
  pumped();
  exchange_->reply.write("def");
  EXPECT_EQ(pumped(), "d");
  exchange_->reply.write("ghi");
  EXPECT_EQ(pumped(), "");
  EXPECT_EQ(exchange_->reply.ahead(), 0U);
  exchange_->reply.finish();
  pumped();
  EXPECT_FALSE(driver_->closed);
}

TEST_F(Streamed, ManyPiecesGoOutInOrder) {
  begin(kGet);
  exchange_->reply.start(head_of(200, {{"Content-Length", "1000"}}));
  pumped();
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    const std::string piece{static_cast<char>('a' + i % 26), static_cast<char>('A' + i % 25)};
    exchange_->reply.write(piece);
    driver_->session().collect(*exchange_);
    expected += piece;
  }
  EXPECT_EQ(pumped(), expected);
  EXPECT_EQ(exchange_->reply.ahead(), 0U);
}

TEST_F(Streamed, NoMoreVectorsThanTheKernelIsGladOf) {
  begin(kGet);
  const std::string piece(ReplyPipe::kSmallPiece, 'x');
  exchange_->reply.start(head_of(200, {{"Content-Length", std::to_string(200 * piece.size())}}));
  for (int i = 0; i < 200; ++i) exchange_->reply.write(piece);
  driver_->session().collect(*exchange_);
  EXPECT_EQ(driver_->session().unsent().bytes.size(), 64U);
  pumped();
}

TEST_F(Streamed, HundredsOfChunksDoNotPileUp) {
  begin(kGet);
  exchange_->reply.start(head_of(200));
  pumped();
  for (int i = 0; i < 1000; ++i) {
    exchange_->reply.write("abc");
    ASSERT_EQ(pumped(), "3\r\nabc\r\n");
  }
}

TEST_F(Streamed, PipelinedRequestsWaitForTheirTurn) {
  begin(kGet + "GET /b HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(driver_->session().hungry());
  EXPECT_EQ(driver_->session().next_request(), nullptr);
  exchange_->reply.answer(head_of(200), "");
  pumped();
  ASSERT_NE(driver_->running(), nullptr);
  EXPECT_EQ(driver_->running()->head.target, "/b");
  EXPECT_TRUE(driver_->session().hungry());
}

TEST_F(Streamed, NothingIsParsedBehindAFaultThatTheApplicationHandles) {
  terms_.limits.body_memory_bytes = 2;
  terms_.limits.body_spill_bytes = 0;
  begin(
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nZZ\r\nGET /x "
      "HTTP/1.1\r\n\r\n");
  std::string body(16, '\0');
  EXPECT_EQ(exchange_->body.take(body.data(), body.size()), 2U);
  driver_->pump();
  EXPECT_EQ(exchange_->body.take(body.data(), body.size()), 2U);
  driver_->session().proceed();
  EXPECT_EQ(exchange_->body.state(), BodyState::Malformed);
  EXPECT_EQ(exchange_->body.fault(), "Invalid chunk size: b'ZZ'");
  EXPECT_FALSE(driver_->session().hungry());
  exchange_->reply.answer(head_of(200), "fine");
  EXPECT_EQ(pumped(), "HTTP/1.1 200 OK\r\n" + kLast + "Content-Length: 4\r\n\r\nfine");
  EXPECT_TRUE(driver_->closed);
  EXPECT_FALSE(driver_->busy());
}

TEST_F(Streamed, AThousandRequestsInOneReadAreAnsweredInOrder) {
  Driver driver(terms_);
  std::string requests;
  std::vector<std::string> expected;
  for (int i = 0; i < 1000; ++i) {
    requests += "POST /" + std::to_string(i) + " HTTP/1.1\r\nContent-Length: 1\r\n\r\nx";
    expected.push_back("POST /" + std::to_string(i) + " x");
  }
  driver.feed(requests.substr(0, 20000));
  driver.feed(requests.substr(20000));
  EXPECT_EQ(driver.events, expected);
  EXPECT_TRUE(driver.session().idle());
}

// ---- 100 Continue

const std::string kExpecting =
    "POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";

TEST_F(Streamed, ContinueIsSentWhenTheApplicationReads) {
  begin(kExpecting);
  EXPECT_EQ(driver_->session().patience(), Patience::None);
  EXPECT_EQ(pumped(), "");
  exchange_->reply.ask_continue();
  EXPECT_EQ(pumped(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(driver_->session().patience(), Patience::Body);
  exchange_->reply.ask_continue();
  EXPECT_EQ(pumped(), "");
  driver_->feed("abc");
  exchange_->reply.answer(head_of(200), "");
  EXPECT_EQ(pumped(), "HTTP/1.1 200 OK\r\n" + kKept + "Content-Length: 0\r\n\r\n");
  EXPECT_FALSE(driver_->closed);
}

TEST_F(Streamed, ContinueIsNotSentWhenTheBodyCameAnyway) {
  begin(kExpecting);
  driver_->feed("a");
  exchange_->reply.ask_continue();
  EXPECT_EQ(pumped(), "");
  EXPECT_EQ(driver_->session().patience(), Patience::Body);
}

TEST_F(Streamed, AnAnswerWithoutTheBodyEndsTheConnection) {
  begin(kExpecting);
  exchange_->reply.answer(head_of(403), "");
  EXPECT_EQ(pumped(), "HTTP/1.1 403 Forbidden\r\n" + kLast + "Content-Length: 0\r\n\r\n");
  EXPECT_TRUE(driver_->closed);
}

TEST_F(Streamed, NoContinueBehindTheHead) {
  begin(kExpecting);
  exchange_->reply.start(head_of(200));
  pumped();
  exchange_->reply.ask_continue();
  EXPECT_EQ(pumped(), "");
}

// ---- Ends

TEST_F(Streamed, AHalfClosedClientIsAnswered) {
  begin(kGet + "GET /b HTTP/1.1\r\n\r\n");
  driver_->end_input();
  exchange_->reply.answer(head_of(200), "");
  EXPECT_EQ(pumped(), "HTTP/1.1 200 OK\r\n" + kKept + "Content-Length: 0\r\n\r\n");
  ASSERT_NE(driver_->running(), nullptr);
  driver_->running()->reply.answer(head_of(200), "");
  EXPECT_EQ(pumped(), "HTTP/1.1 200 OK\r\n" + kLast + "Content-Length: 0\r\n\r\n");
  EXPECT_TRUE(driver_->closed);
}

TEST_F(Streamed, ASlowBodyIsTheApplicationsToAnswerOnceItRuns) {
  begin(kExpecting);
  exchange_->reply.ask_continue();
  pumped();
  driver_->feed("a");
  driver_->expire(Patience::Body);
  EXPECT_FALSE(driver_->closed);
  EXPECT_EQ(exchange_->body.state(), BodyState::TooSlow);
  exchange_->reply.answer(head_of(408), "");
  EXPECT_EQ(pumped(), "HTTP/1.1 408 Request Timeout\r\n" + kLast + "Content-Length: 0\r\n\r\n");
  EXPECT_TRUE(driver_->closed);
}

TEST_F(Streamed, AClockThatDoesNotRunDoesNotExpire) {
  begin(kGet);
  driver_->expire(Patience::Idle);
  driver_->expire(Patience::Body);
  EXPECT_FALSE(driver_->closed);
}

TEST_F(Streamed, DrainingMakesTheNextReplyTheLast) {
  begin(kGet);
  driver_->drain();
  EXPECT_FALSE(driver_->closed);
  exchange_->reply.answer(head_of(200), "");
  EXPECT_EQ(pumped(), "HTTP/1.1 200 OK\r\n" + kLast + "Content-Length: 0\r\n\r\n");
  EXPECT_TRUE(driver_->closed);
}

TEST_F(Streamed, DrainingAfterTheHeadServesWhatHasCome) {
  begin(kGet + "GET /b HTTP/1.1\r\n\r\n");
  exchange_->reply.start(head_of(200, {{"Content-Length", "1"}}));
  pumped();
  driver_->drain();
  exchange_->reply.write("a");
  exchange_->reply.finish();
  pumped();
  ASSERT_NE(driver_->running(), nullptr);
  driver_->running()->reply.answer(head_of(200), "");
  EXPECT_EQ(pumped(), "HTTP/1.1 200 OK\r\n" + kLast + "Content-Length: 0\r\n\r\n");
  EXPECT_TRUE(driver_->closed);
}

TEST_F(Streamed, NothingIsReadBehindTheLastReply) {
  begin("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  driver_->feed("GET /b HTTP/1.1\r\n\r\n");
  exchange_->reply.answer(head_of(200), "");
  pumped();
  EXPECT_TRUE(driver_->closed);
  EXPECT_EQ(driver_->session().consume("GET /c HTTP/1.1\r\n\r\n"), Verdict::KeepGoing);
  EXPECT_EQ(driver_->session().next_request(), nullptr);
  EXPECT_FALSE(driver_->busy());
}

TEST_F(Streamed, ASessionThatGoesGivesItsExchangeBack) {
  Driver driver(terms_);
  driver.feed("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na");
  EXPECT_TRUE(driver.busy());
  EXPECT_FALSE(driver.session().idle());
  driver.forget_session();
  EXPECT_FALSE(driver.busy());
}

}  // namespace
}  // namespace winghorn::wire
