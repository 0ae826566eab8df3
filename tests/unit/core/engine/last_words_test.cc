// SPDX-License-Identifier: MIT
#include "core/engine/last_words.h"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/http/error_page.h"
#include "support/limits.h"

namespace winghorn {
namespace {

constexpr const char* kRequest = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr const char* kOldRequest = "GET /a HTTP/1.0\r\n\r\n";

ReplyHead head(std::optional<std::uint64_t> length = {}) {
  ReplyHead head;
  head.set_status(200, "OK");
  if (length) head.set_content_length(*length);
  return head;
}

struct Heard {
  std::string text;
  bool by_reset = false;

  int status() const { return text.empty() ? 0 : std::stoi(text.substr(9, 3)); }
};

// A connection as the loop keeps it, and its client's end.
struct Party {
  Connection connection;
  Fd client;

  Exchange& exchange() { return *connection.running; }
  void reply(ReplyHead&& head, Bytes body) {
    exchange().reply.answer(std::move(head), body);
    connection.protocol->collect(exchange());
  }
  // What has arrived until the end, if it has ended; a worker that dies would end what is left.
  Heard hear() {
    Heard heard;
    std::array<char, 65536> block{};
    ssize_t count = 0;
    while ((count = ::recv(client.get(), block.data(), block.size(), MSG_DONTWAIT)) > 0) {
      heard.text.append(block.data(), static_cast<std::size_t>(count));
    }
    is_ended = count == 0;
    heard.by_reset = count < 0 && errno == ECONNRESET;
    return heard;
  }
  bool is_ended = false;
};

class LastWordsTest : public ::testing::Test {
 protected:
  // With one request, read; nothing has been answered.
  Party& party(std::string_view request = kRequest) {
    Party& made = *parties_.emplace_back(std::make_unique<Party>());
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    made.connection.index = static_cast<std::uint32_t>(parties_.size() - 1);
    made.connection.socket = Fd(pair[0]);
    made.client = Fd(pair[1]);
    made.connection.protocol =
        std::make_unique<http1::Session>(config_, made.connection.info, pool_);
    if (!request.empty()) made.connection.protocol->consume(request);
    made.connection.running = made.connection.protocol->next_request();
    table_.add(made.connection);
    return made;
  }
  Party& begun(std::string_view request = kRequest) {
    Party& made = party(request);
    EXPECT_TRUE(made.exchange().begin(now()));
    return made;
  }
  void crash(Millis patience = Millis(0)) { words_.say(table_, now() + patience); }

  ErrorPage page(int status) { return make_error_page(status, reason_phrase(status), ""); }

  Limits limits_ = wide_limits();
  Strictness strictness_;
  HeaderPolicy policy_;
  http1::SessionConfig config_{limits_, strictness_, policy_};
  ExchangePool pool_{limits_, SpillPlace{}};
  CrashTable table_{[] { FAIL() << "nobody works here"; }};
  LastWords words_{config_, page(502), page(503)};
  std::vector<std::unique_ptr<Party>> parties_;
};

TEST_F(LastWordsTest, ABegunRequestGetsThePageThatASessionWouldSend) {
  Party& usual = begun();
  ErrorPage answer = page(502);
  usual.reply(std::move(answer.head), answer.body);
  std::string expected;
  for (const iovec& part : usual.connection.protocol->unsent().bytes) {
    expected.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  Party& culprit = begun();
  crash();
  EXPECT_EQ(culprit.hear().text, expected);
  EXPECT_TRUE(culprit.is_ended);
  EXPECT_NE(expected.find("\r\nConnection: close\r\n"), std::string::npos);
}

TEST_F(LastWordsTest, OneThatHasNotBegunGets503AndNeverBegins) {
  Party& queued = party();
  crash();
  EXPECT_EQ(queued.hear().status(), 503);
  EXPECT_TRUE(queued.is_ended);
  EXPECT_FALSE(queued.exchange().begin(now()));
}

TEST_F(LastWordsTest, OldClientsAreAnsweredToo) {
  Party& culprit = begun(kOldRequest);
  crash();
  EXPECT_EQ(culprit.hear().status(), 502);
}

TEST_F(LastWordsTest, HeadGetsNoBody) {
  Party& culprit = begun("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  crash();
  const Heard heard = culprit.hear();
  EXPECT_EQ(heard.status(), 502);
  EXPECT_TRUE(heard.text.ends_with("\r\n\r\n"));
  EXPECT_EQ(heard.text.find("<html>"), std::string::npos);
}

TEST_F(LastWordsTest, WhatWasReadyGoesOutWhole) {
  Party& ready = begun();
  const std::string large(20000, 'x');
  ready.reply(head(), "small" + large);
  crash();
  const Heard heard = ready.hear();
  EXPECT_EQ(heard.status(), 200);
  EXPECT_TRUE(heard.text.ends_with("\r\n\r\nsmall" + large));
  EXPECT_TRUE(ready.is_ended);
}

TEST_F(LastWordsTest, WhatWasPartlySentIsGoneOnWith) {
  Party& ready = begun();
  ready.reply(head(), "0123456789");
  Protocol& protocol = *ready.connection.protocol;
  const iovec first = protocol.unsent().bytes[0];
  ASSERT_EQ(::send(ready.connection.socket.get(), first.iov_base, 7, 0), 7);
  protocol.sent(7);
  crash();
  const Heard heard = ready.hear();
  EXPECT_EQ(heard.status(), 200);
  EXPECT_TRUE(heard.text.ends_with("\r\n\r\n0123456789"));
}

TEST_F(LastWordsTest, AFileThatWasReadyIsSent) {
  Party& ready = begun();
  FilePart part{Fd(::memfd_create("last_words_test", MFD_CLOEXEC)), 2, 5};
  ASSERT_EQ(::write(part.file.get(), "0123456789", 10), 10);
  ReplyPipe& reply = ready.exchange().reply;
  reply.start(head(5));
  reply.write_file(std::move(part));
  reply.finish();
  ready.connection.protocol->collect(ready.exchange());
  crash();
  EXPECT_TRUE(ready.hear().text.ends_with("\r\n\r\n23456"));
}

TEST_F(LastWordsTest, AReplyThatHadBegunGetsNoPage) {
  Party& stream = begun();
  stream.exchange().reply.start(head());
  stream.exchange().reply.write("part");
  stream.connection.protocol->collect(stream.exchange());
  crash();
  const Heard heard = stream.hear();
  EXPECT_EQ(heard.status(), 200);
  EXPECT_TRUE(heard.text.ends_with("4\r\npart\r\n")) << "the last chunk is missing";
  EXPECT_TRUE(stream.is_ended);
}

// The end of the connection would say that it was whole. Only TCP knows resets.
TEST_F(LastWordsTest, AnEndThatWouldLieIsNone) {
  Party& stream = begun(kOldRequest);
  stream.exchange().reply.start(head());
  stream.exchange().reply.write("part");
  stream.connection.protocol->collect(stream.exchange());
  EXPECT_TRUE(stream.connection.protocol->end_would_lie(true));
  crash();
  stream.hear();
  EXPECT_FALSE(stream.is_ended);
  stream.exchange().reply.finish();
  stream.connection.protocol->collect(stream.exchange());
  EXPECT_TRUE(stream.connection.protocol->end_would_lie(false));
  EXPECT_FALSE(stream.connection.protocol->end_would_lie(true));
}

TEST_F(LastWordsTest, AnInterimAnswerIsNoAnswer) {
  Party& waits =
      begun("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  waits.exchange().reply.ask_continue();
  waits.connection.protocol->collect(waits.exchange());
  crash();
  const std::string text = waits.hear().text;
  EXPECT_TRUE(text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 502 ")) << text;
}

TEST_F(LastWordsTest, AReplyThatIsSentGetsNothingBehindIt) {
  Party& done = begun();
  done.reply(head(), "all");
  Protocol& protocol = *done.connection.protocol;
  protocol.sent(protocol.unsent().bytes[0].iov_len);
  ASSERT_EQ(protocol.finished(), done.connection.running) << "its slot still has it";
  crash();
  EXPECT_EQ(done.hear().text, "");
  EXPECT_TRUE(done.is_ended);
}

TEST_F(LastWordsTest, WhoIsOwedNothingIsLeftAlone) {
  Party& idle = party("");
  Party& half = party("GET / HTTP/1.1\r\nHo");
  Party& gone = begun();
  gone.connection.state = ConnectionState::Broken;
  Party& taken = begun();
  taken.exchange().leave_client_to_application();
  crash();
  for (Party* one : {&idle, &half, &gone, &taken}) {
    EXPECT_EQ(one->hear().text, "");
    EXPECT_FALSE(one->is_ended);
  }
}

TEST_F(LastWordsTest, UnreadInputDoesNotDestroyTheAnswer) {
  Party& culprit = begun();
  ASSERT_GT(::send(culprit.client.get(), kRequest, 20, 0), 0);
  crash();
  ASSERT_GT(::send(culprit.client.get(), kRequest, 20, 0), 0);
  LastWords::listen(table_);
  culprit.connection.socket.reset();
  const Heard heard = culprit.hear();
  EXPECT_EQ(heard.status(), 502);
  EXPECT_FALSE(heard.by_reset);
}

TEST_F(LastWordsTest, ASlowClientIsWaitedForAndOthersAreNotKeptBack) {
  Party& slow = begun();
  const std::string large(4UL << 20, 'x');
  slow.reply(head(), large);
  Party& other = party();
  std::string heard;
  std::thread reader([&] {
    std::array<char, 65536> block{};
    while (other.hear().status() != 503) std::this_thread::yield();
    for (ssize_t count = -1; count != 0;) {
      count = ::recv(slow.client.get(), block.data(), block.size(), MSG_DONTWAIT);
      if (count > 0) heard.append(block.data(), static_cast<std::size_t>(count));
    }
  });
  crash(Seconds(30));
  reader.join();
  EXPECT_TRUE(heard.ends_with(large));
}

TEST_F(LastWordsTest, AClientThatTakesNothingEndsTheWait) {
  Party& deaf = begun();
  deaf.reply(head(), std::string(4UL << 20, 'x'));
  Party& other = begun();
  crash(Millis(20));
  EXPECT_EQ(other.hear().status(), 502);
  EXPECT_FALSE(deaf.hear().text.empty());
}

TEST_F(LastWordsTest, WhatTheOwnerHoldsIsLeftToIt) {
  Party& held = begun();
  Party& other = begun();
  {
    const CrashTable::Hold hold(table_, held.connection);
    crash();
  }
  EXPECT_EQ(held.hear().text, "");
  EXPECT_EQ(other.hear().status(), 502);
}

TEST_F(LastWordsTest, EachIsAnsweredOnceHoweverOftenItIsAsked) {
  Party& culprit = begun();
  crash();
  const std::string once = culprit.hear().text;
  words_.say(table_, now());
  EXPECT_EQ(culprit.hear().text, "");
  EXPECT_EQ(once.find("502", 20), std::string::npos);
}

TEST_F(LastWordsTest, HundredsAreFound) {
  for (int i = 0; i < 400; ++i) party();
  table_.remove(parties_[399]->connection);
  crash();
  for (int i = 0; i < 399; ++i) EXPECT_EQ(parties_[i]->hear().status(), 503) << i;
  EXPECT_EQ(parties_[399]->hear().text, "");
}

}  // namespace
}  // namespace winghorn
