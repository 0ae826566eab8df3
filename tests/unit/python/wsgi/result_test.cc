// SPDX-License-Identifier: MIT
#include "python/wsgi/result.h"

#include "wsgi_fixture.h"

namespace winghorn::wsgi {
namespace {

// Starts a 200 with these headers, then `expression` is returned. `closed` counts calls of close().
std::string returning(const std::string& expression, const std::string& headers = "[]") {
  return "closed = 0\n"
         "class Body:\n"
         "    def __init__(self, items): self.items = items\n"
         "    def __iter__(self):\n"
         "        for item in self.items:\n"
         "            if isinstance(item, BaseException): raise item\n"
         "            yield item\n"
         "    def close(self):\n"
         "        global closed\n"
         "        closed += 1\n"
         "def app(environ, start_response):\n"
         "    start_response('200 OK', " +
         headers +
         ")\n"
         "    return " +
         expression + "\n";
}

class Result : public WsgiTest {};

TEST_F(Result, OneItemGoesOutInOneStep) {
  for (const char* expression : {"[b'hello']", "(b'hello',)"}) {
    renew();
    get(returning(expression));
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.end, ReplyEnd::Finished);
    EXPECT_EQ(answer.length, std::nullopt);
  }
  EXPECT_EQ(slot.publications, 0);
}

TEST_F(Result, ItemsGoOutAsTheyCome) {
  std::vector<std::string> seen;
  slot.when_published = [&](Exchange&) {
    collect();
    seen.push_back(answer.body);
  };
  get(returning("(b'%d' % i for i in range(3))"));
  EXPECT_EQ(seen, (std::vector<std::string>{"0", "01", "012", "012"}));
  EXPECT_EQ(slot.steps, 3);
  EXPECT_EQ(answer.end, ReplyEnd::Finished);
}

TEST_F(Result, EmptyItemsAreSkipped) {
  get(returning("[b'', b'a', b'', b'b']"));
  EXPECT_EQ(answer.body, "ab");
  EXPECT_EQ(answer.pieces.size(), 1U) << "joined";
  renew();
  get(returning("[]"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(answer.end, ReplyEnd::Finished);
}

TEST_F(Result, AnyIterableOfBytesWillDo) {
  for (const char* expression :
       {"iter([b'a', b'b'])", "map(bytes, [b'a', b'b'])", "{b'ab': 1}", "(b'a', b'b')",
        "Body([b'a', b'b'])", "[type('B', (bytes,), {})(b'ab')]"}) {
    renew();
    get(returning(expression));
    EXPECT_EQ(answer.body, "ab") << expression << error();
  }
}

TEST_F(Result, WrongTypesAreNamed) {
  struct Row {
    const char* expression;
    const char* text;
  };
  const Row rows[] = {
      {"None", "TypeError: application returned NoneType, expected an iterable of bytes"},
      {"'text'", "TypeError: application returned str, expected an iterable of bytes"},
      {"b'bytes'", "TypeError: application returned bytes, expected an iterable of bytes"},
      {"42", "TypeError: application returned int, expected an iterable of bytes"},
      {"['text']", "TypeError: application yielded str, expected bytes"},
      {"[None]", "TypeError: application yielded NoneType, expected bytes"},
      {"[bytearray(b'x')]", "TypeError: application yielded bytearray, expected bytes"},
      {"{'text': 1}", "TypeError: application yielded str, expected bytes"},
  };
  for (const Row& row : rows) {
    renew();
    errors.clear();
    get(returning(row.expression));
    expect_500();
    EXPECT_CONTAINS(error(), row.text);
    EXPECT_CONTAINS(error(), "Error handling request GET /\n");
  }
}

TEST_F(Result, AnErrorBeforeTheHeadIsOutIsA500) {
  exchange->head.target = "/path?q=1";
  get("def deep(): raise KeyError('what')\n"
      "def app(environ, start_response):\n"
      "    start_response('200 OK', [('X-Secret', '1')])\n"
      "    deep()\n");
  expect_500();
  EXPECT_EQ(answer.field("X-Secret"), "(none)");
  EXPECT_CONTAINS(
      error(), "Error handling request GET /path?q=1\nTraceback (most recent call last):\n  File");
  EXPECT_CONTAINS(error(), "line 4, in app");
  EXPECT_CONTAINS(error(), "KeyError: 'what'");
  EXPECT_NE(error().back(), '\n');
}

TEST_F(Result, AnErrorAfterTheHeadCutsTheReply) {
  get(returning("Body([b'half', ValueError('x')])"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "half");
  EXPECT_EQ(answer.end, ReplyEnd::Cut);
  EXPECT_CONTAINS(error(), "ValueError: x");
  EXPECT_EQ(value("closed"), "1");
}

TEST_F(Result, ExitsOfTheApplicationAreErrorsLikeOthers) {
  for (const char* raising :
       {"SystemExit(3)", "KeyboardInterrupt()", "GeneratorExit()", "StopIteration()"}) {
    renew();
    errors.clear();
    get("def app(environ, start_response): raise " + std::string(raising) + "\n");
    expect_500();
    EXPECT_CONTAINS(error(), "Error handling request");
  }
}

TEST_F(Result, CloseIsCalledOnceWhateverHappens) {
  struct Row {
    const char* expression;
    ReplyEnd end;
  };
  const Row rows[] = {
      {"Body([b'a', b'b'])", ReplyEnd::Finished},   {"Body([])", ReplyEnd::Finished},
      {"Body([ValueError()])", ReplyEnd::Finished}, {"Body([b'a', ValueError()])", ReplyEnd::Cut},
      {"Body(['text'])", ReplyEnd::Finished},       {"Body(3)", ReplyEnd::Finished},
      {"Body([SystemExit()])", ReplyEnd::Finished},
  };
  for (const Row& row : rows) {
    renew();
    get(returning(row.expression));
    EXPECT_EQ(value("closed"), "1") << row.expression;
    EXPECT_EQ(answer.end, row.end) << row.expression;
  }
}

TEST_F(Result, CloseComesAfterTheEndOfTheReplyAndItsErrorsAreLogged) {
  bool ended_before = false;
  load(
      "class Body:\n"
      "    def __iter__(self): return iter([b'a'])\n"
      "    def close(self): raise OSError('in close')\n"
      "def app(environ, start_response):\n"
      "    start_response('200 OK', [])\n"
      "    return Body()\n");
  slot.when_published = [&](Exchange& e) { ended_before = e.reply.ended(); };
  run();
  EXPECT_TRUE(ended_before);
  EXPECT_EQ(answer.end, ReplyEnd::Finished);
  EXPECT_CONTAINS(error(), "OSError: in close");
}

TEST_F(Result, NeverMoreBytesThanContentLength) {
  for (const char* expression : {"[b'hello world']", "iter([b'hel', b'lo wor', b'ld'])"}) {
    renew();
    warnings.clear();
    get(returning(expression, "[('Content-Length', '5')]"));
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.end, ReplyEnd::Finished);
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_CONTAINS(warnings[0], "more than the 5 bytes");
  }
}

TEST_F(Result, FewerBytesThanContentLengthAreCut) {
  for (const char* expression : {"[b'hi']", "[]", "iter([b'h', b'i'])"}) {
    renew();
    warnings.clear();
    get(returning(expression, "[('Content-Length', '5')]"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.end, ReplyEnd::Cut) << expression;
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_CONTAINS(warnings[0], "of the 5 bytes");
  }
}

TEST_F(Result, NoBodyWhereThereIsNone) {
  load(
      "def app(environ, start_response):\n"
      "    start_response(environ['QUERY_STRING'], [('Content-Length', '4')])\n"
      "    return [b'body']\n");
  for (const char* status : {"204", "304", "101"}) {
    renew().head.query = status;
    warnings.clear();
    run();
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer.end, ReplyEnd::Finished);
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_EQ(warnings[0],
              std::string("WSGI app sent body bytes on a no-body response (method=GET status=") +
                  status + "); dropping per RFC 9110.");
  }
  renew().head.query = "200";
  exchange->head.method = "HEAD";
  run();
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(answer.length, 4U);
  EXPECT_EQ(answer.end, ReplyEnd::Finished);
}

TEST_F(Result, AHugeItemGoesOutInBlocksAndWaitsForItsClient) {
  slot.when_waiting = [this] { collect(); };
  get(returning("[b'x' * (5 << 20)]"));
  EXPECT_EQ(answer.body.size(), 5U << 20);
  EXPECT_GE(slot.waits, 3);
  for (const std::size_t piece : answer.pieces) EXPECT_LE(piece, 256U * 1024);
}

TEST_F(Result, AGeneratorWaitsForItsClient) {
  std::uint64_t most = 0;
  slot.when_waiting = [&] {
    most = std::max(most, exchange->reply.ahead());
    collect();
  };
  get(returning("(b'x' * 100000 for i in range(100))"));
  EXPECT_EQ(answer.body.size(), 10'000'000U);
  EXPECT_LE(most, limits.reply_ahead_bytes + 100000);
  EXPECT_EQ(answer.end, ReplyEnd::Finished);
}

TEST_F(Result, AClientThatWentAwayEndsTheIteration) {
  slot.when_waiting = [this] { exchange->reply.discard(); };
  load(
      "produced = closed = 0\n"
      "class Body:\n"
      "    def __iter__(self):\n"
      "        global produced\n"
      "        while True:\n"
      "            produced += 1\n"
      "            yield b'x' * 100000\n"
      "    def close(self):\n"
      "        global closed\n"
      "        closed += 1\n"
      "def app(environ, start_response):\n"
      "    start_response('200 OK', [])\n"
      "    return Body()\n");
  run();
  EXPECT_EQ(value("produced < 20, closed"), "(True, 1)");
  EXPECT_TRUE(errors.empty());
  EXPECT_TRUE(warnings.empty());
}

TEST_F(Result, WriteRaisesWhenTheClientWentAway) {
  slot.when_waiting = [this] { exchange->reply.discard(); };
  get("import sys\n"
      "caught = None\n"
      "def app(environ, start_response):\n"
      "    global caught\n"
      "    write = start_response('200 OK', [])\n"
      "    try:\n"
      "        while True: write(b'x' * 100000)\n"
      "    except OSError as e:\n"
      "        caught = type(e).__name__\n"
      "        raise\n");
  EXPECT_EQ(value("caught"), "ClientDisconnected");
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(debugs.size(), 1U);
}

}  // namespace
}  // namespace winghorn::wsgi
