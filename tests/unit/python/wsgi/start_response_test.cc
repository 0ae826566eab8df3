// SPDX-License-Identifier: MIT
#include "python/wsgi/request_callable.h"

#include "wsgi_fixture.h"

namespace winghorn::wsgi {
namespace {

class StartResponse : public WsgiTest {
 protected:
  // An application with this body before `return [b'body']`.
  const Answer& answer_of(const std::string& lines) {
    std::string source =
        "import sys\n"
        "def app(environ, start_response):\n";
    std::size_t at = 0;
    while (at < lines.size()) {
      const std::size_t end = lines.find('\n', at);
      source += "    " + lines.substr(at, end - at) + "\n";
      if (end == std::string::npos) break;
      at = end + 1;
    }
    renew();
    errors.clear();
    return get(source + "    return [b'body']\n");
  }
};

TEST_F(StartResponse, GivesStatusHeadersAndBody) {
  answer_of("start_response('201 Made', [('X-A', ' 1 '), ('X-A', '2'), ('Content-Length', '4')])");
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.reason, "Made");
  EXPECT_EQ(answer.fields[0], (std::pair<std::string, std::string>("X-A", "1")));
  EXPECT_EQ(answer.fields[1], (std::pair<std::string, std::string>("X-A", "2")));
  EXPECT_EQ(answer.length, 4U);
  EXPECT_EQ(answer.body, "body");
  EXPECT_EQ(answer.end, ReplyEnd::Finished);
}

TEST_F(StartResponse, TakesKeywords) {
  answer_of("start_response(status='200 OK', headers=[], exc_info=None)");
  EXPECT_EQ(answer.status, 200);
  answer_of("start_response('200 OK', [], nothing=1)");
  expect_500();
  answer_of("start_response('200 OK')");
  expect_500();
  answer_of("start_response('200 OK', [], None, 4)");
  expect_500();
}

TEST_F(StartResponse, AStatusMayStandAlone) {
  answer_of("start_response('200', [])");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.reason, "");
}

TEST_F(StartResponse, RefusesABadStatus) {
  struct Row {
    const char* status;
    const char* text;
  };
  const Row rows[] = {
      {"'OK'", "ValueError: Invalid status 'OK'"},
      {"''", "ValueError: Invalid status ''"},
      {"'20'", "ValueError: Invalid status '20'"},
      {"'2000 OK'", "ValueError: Invalid status '2000 OK'"},
      {"'200OK'", "ValueError: Invalid status '200OK'"},
      {"'+20 OK'", "ValueError: Invalid status '+20 OK'"},
      {"'099 low'", "ValueError: Invalid status '099 low'"},
      {"'200 a\\r\\nX: 1'", "ValueError: Invalid status '200 a\\r\\nX: 1'"},
      {"'200 \\u20ac'", "ValueError: Invalid status '200 \xe2\x82\xac'"},
      {"200", "TypeError: the response status must be str, not int"},
      {"b'200 OK'", "TypeError: the response status must be str, not bytes"},
  };
  for (const Row& row : rows) {
    answer_of(std::string("start_response(") + row.status + ", [])");
    expect_500();
    EXPECT_CONTAINS(error(), row.text);
  }
}

TEST_F(StartResponse, RefusesHeadersThatCannotBeSent) {
  struct Row {
    const char* headers;
    const char* text;
  };
  const Row rows[] = {
      {"[('X A', '1')]",
       "InvalidResponseHeaderName: Invalid response header name from the application: 'X A'"},
      {"[('', '1')]", "Invalid response header name from the application: ''"},
      {"[('X:', '1')]", "Invalid response header name from the application: 'X:'"},
      {"[('\\u20ac', '1')]", "Invalid response header name from the application: '\xe2\x82\xac'"},
      {"[('X-A', 'a\\r\\nSet-Cookie: b')]",
       "InvalidResponseHeader: Invalid response header from the application: 'X-A'"},
      {"[('X-A', 'a\\0')]", "Invalid response header from the application: 'X-A'"},
      {"[('X-A', '\\u20ac')]", "Invalid response header from the application: 'X-A'"},
      {"[('Content-Length', 'ten')]",
       "Invalid response header from the application: 'Content-Length'"},
      {"[('Content-Length', '1'), ('Content-Length', '2')]", "'Content-Length'"},
      {"[(b'X-A', '1')]", "TypeError: a response header's name must be str, not bytes"},
      {"[('X-A', 1)]", "TypeError: a response header's value must be str, not int"},
      {"[('X-A', None)]", "TypeError: a response header's value must be str, not NoneType"},
      {"[('X-A',)]", "TypeError: response headers must be (name, value) tuples, not ('X-A',)"},
      {"['ab']", "TypeError: response headers must be (name, value) tuples, not 'ab'"},
      {"[3]", "TypeError"},
      {"None", "TypeError: response headers must be a list of tuples"},
  };
  for (const Row& row : rows) {
    answer_of(std::string("start_response('200 OK', ") + row.headers + ")");
    expect_500();
    EXPECT_CONTAINS(error(), row.text);
    EXPECT_CONTAINS(error(), "Error handling request GET /\nTraceback (most recent call last):\n");
  }
}

TEST_F(StartResponse, TakesWhatIsNearlyAListOfTuples) {
  answer_of("start_response('200 OK', (['X-A', str(i)] for i in range(2)))");
  EXPECT_EQ(answer.fields.size(), 2U) << error();
}

TEST_F(StartResponse, WhatFailedMayBeTriedAgain) {
  answer_of(
      "try: start_response('200 OK', [('X-Bad', '\\n')])\n"
      "except ValueError: start_response('400 Bad', [('X-Good', '1')])");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.fields.size(), 1U);
}

TEST_F(StartResponse, TheConnectionsHeadersAreDropped) {
  answer_of(
      "start_response('200 OK', [('Transfer-Encoding', 'chunked'), ('Keep-Alive', '1'), ('Date', "
      "'x'),"
      " ('Server', 'me'), ('TE', 'x'), ('Connection', 'close'), ('X-A', '1')])");
  EXPECT_EQ(answer.fields.size(), 1U);
  EXPECT_TRUE(answer.asks_close);
}

TEST_F(StartResponse, ASecondCallIsAnError) {
  answer_of("start_response('200 OK', [])\nstart_response('404 No', [])");
  expect_500();
  EXPECT_CONTAINS(error(), "AssertionError: Response headers already set!");
}

TEST_F(StartResponse, ExcInfoReplacesStatusAndHeaders) {
  answer_of(
      "start_response('200 OK', [('X-Old', '1')])\n"
      "try: 1 / 0\n"
      "except Exception: start_response('503 Oops', [('X-New', '1')], sys.exc_info())");
  EXPECT_EQ(answer.status, 503);
  ASSERT_EQ(answer.fields.size(), 1U);
  EXPECT_EQ(answer.fields[0].first, "X-New");
  EXPECT_TRUE(errors.empty());
}

TEST_F(StartResponse, ExcInfoAfterTheHeadIsOutIsRaisedAgain) {
  answer_of(
      "write = start_response('200 OK', [])\n"
      "write(b'begun')\n"
      "try: 1 / 0\n"
      "except Exception: start_response('500 Oops', [], sys.exc_info())");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "begun");
  EXPECT_EQ(answer.end, ReplyEnd::Cut);
  EXPECT_CONTAINS(error(), "ZeroDivisionError");
  EXPECT_CONTAINS(error(), "line 5, in app");
}

TEST_F(StartResponse, WriteSendsBeforeTheIterable) {
  answer_of("write = start_response('200 OK', [])\nwrite(b'one ')\nwrite(b'')\nwrite(b'two ')");
  EXPECT_EQ(answer.body, "one two body");
  EXPECT_EQ(answer.end, ReplyEnd::Finished);
  answer_of("start_response('200 OK', [])('text')");
  expect_500();
  EXPECT_CONTAINS(error(), "TypeError: write() takes bytes, not str");
}

TEST_F(StartResponse, NeverCallingItIsAnError) {
  answer_of("pass");
  expect_500();
  EXPECT_CONTAINS(error(),
                  "AssertionError: the application gave a body before it called start_response()");
  renew();
  errors.clear();
  get("def app(environ, start_response): return []\n");
  expect_500();
  EXPECT_CONTAINS(error(), "AssertionError: the application did not call start_response()");
}

TEST_F(StartResponse, AGeneratorMayCallItLate) {
  get("def app(environ, start_response):\n"
      "    yield b''\n"
      "    start_response('200 OK', [])\n"
      "    yield b'late'\n");
  EXPECT_EQ(answer.body, "late") << error();
}

TEST_F(StartResponse, KeptPastItsRequestItOnlyRaises) {
  load(
      "kept = []\n"
      "def app(environ, start_response):\n"
      "    kept.append(start_response)\n"
      "    kept.append(start_response('200 OK', []))\n"
      "    kept.append(environ['wsgi.early_hints'])\n"
      "    return [b'1']\n");
  run();
  renew();
  run();
  EXPECT_EQ(answer.status, 200) << error();
  EXPECT_EQ(value("len(set(map(id, kept)))"), "6");
  const gil::Ref done = gil::Ref::steal(PyRun_String(
      "texts = []\n"
      "for call in (lambda: kept[0]('200 OK', []), lambda: kept[1](b'x'), lambda: kept[2]([])):\n"
      "    try: call()\n"
      "    except RuntimeError as e: texts.append(str(e))\n",
      Py_file_input, names.get(), names.get()));
  EXPECT_EQ(value("texts"),
            "['start_response: the request has ended', 'write: the request has ended', "
            "'early_hints: the request has ended']");
}

TEST_F(StartResponse, EarlyHintsGoAhead) {
  answer_of(
      "environ['wsgi.early_hints']([('Link', '</a.css>; rel=preload'), (b'Link', b'</b.js>')])\n"
      "start_response('200 OK', [])");
  ASSERT_EQ(answer.informational.size(), 1U) << error();
  EXPECT_EQ(answer.informational[0].status(), 103);
  EXPECT_EQ(answer.informational[0].field_count(), 2U);
  EXPECT_EQ(answer.status, 200);
}

TEST_F(StartResponse, EarlyHintsAreCheckedAndSometimesIgnored) {
  answer_of("environ['wsgi.early_hints']([('Li nk', 'x')])");
  expect_500();
  EXPECT_TRUE(answer.informational.empty());
  answer_of(
      "start_response('200 OK', [])(b'out')\n"
      "environ['wsgi.early_hints']([('Link', 'x')])");
  EXPECT_EQ(answer.body, "outbody");
  EXPECT_TRUE(answer.informational.empty());
  load(
      "def app(environ, start_response):\n"
      "    environ['wsgi.early_hints']([('Link', 'x')])\n"
      "    start_response('200 OK', [])\n"
      "    return []\n");
  renew().head.version = "HTTP/1.0";
  run();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.informational.empty());
}

}  // namespace
}  // namespace winghorn::wsgi
