// SPDX-License-Identifier: MIT
#include "python/wsgi/input.h"

#include "wsgi_fixture.h"

namespace winghorn::wsgi {
namespace {

class InputTest : public WsgiTest {
 protected:
  // `expression` over `i`, the input; its repr becomes the answer's body.
  std::string read(const std::string& expression) {
    get("def app(environ, start_response):\n"
        "    i = environ['wsgi.input']\n"
        "    result = " +
        expression +
        "\n"
        "    start_response('200 OK', [])\n"
        "    return [repr(result).encode()]\n");
    return answer.body;
  }

  // The rest of the body comes in these pieces, one for each wait.
  void comes_later(std::vector<std::string> pieces, BodyState end = BodyState::Complete) {
    auto left = std::make_shared<std::deque<std::string>>(pieces.begin(), pieces.end());
    slot.when_waiting = [this, left, end] {
      if (left->empty()) return exchange->body.end(end, "broken chunk");
      EXPECT_TRUE(exchange->body.put(left->front()).ok());
      left->pop_front();
    };
  }
};

TEST_F(InputTest, AForkedChildLeavesTheBodyToItsParent) {
  for (const char* reading : {"read()", "read(2)", "readline()"}) {
    renew();
    with_body("body");
    get(std::string("import os\n"
                    "def app(environ, start_response):\n"
                    "    pid = os.fork()\n"
                    "    if pid == 0:\n"
                    "        try:\n"
                    "            environ['wsgi.input'].") +
        reading +
        "\n"
        "        except OSError as error:\n"
        "            os._exit(7 if type(error).__name__ == 'ClientDisconnected' else 1)\n"
        "        os._exit(2)\n"
        "    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
        "    start_response('200 OK', [])\n"
        "    return [b'%d ' % code, environ['wsgi.input'].read()]\n");
    EXPECT_EQ(answer.body, "7 body") << reading << error();
  }
}

TEST_F(InputTest, ReadsAllOrSome) {
  struct Row {
    const char* expression;
    const char* result;
  };
  const Row rows[] = {
      {"i.read()", "b'one\\ntwo\\nthree'"},
      {"i.read(-1)", "b'one\\ntwo\\nthree'"},
      {"i.read(None)", "b'one\\ntwo\\nthree'"},
      {"i.read(10**30)", "b'one\\ntwo\\nthree'"},
      {"i.read(0), i.read(5), i.read(100), i.read(1), i.read()",
       "(b'', b'one\\nt', b'wo\\nthree', b'', b'')"},
      {"i.read(True)", "b'o'"},
      {"i.readline(), i.readline(2), i.readline(0), i.readline(), i.readline(), i.readline()",
       "(b'one\\n', b'tw', b'', b'o\\n', b'three', b'')"},
      {"i.readline(None), i.readline(-1), i.read()", "(b'one\\n', b'two\\n', b'three')"},
      {"i.readline(), i.read(5), i.read()", "(b'one\\n', b'two\\nt', b'hree')"},
      {"i.readlines()", "[b'one\\n', b'two\\n', b'three']"},
      {"i.readlines(0)", "[b'one\\n', b'two\\n', b'three']"},
      {"i.readlines(5), i.readlines(1), i.readlines()", "([b'one\\n', b'two\\n'], [b'three'], [])"},
      {"list(i), list(i)", "([b'one\\n', b'two\\n', b'three'], [])"},
      {"[next(i), next(i), next(i), next(i, None)]", "[b'one\\n', b'two\\n', b'three', None]"},
      {"iter(i) is i, i.close(), i.read(3)", "(True, None, b'one')"},
  };
  for (const Row& row : rows) {
    renew();
    with_body("one\ntwo\nthree");
    EXPECT_EQ(read(row.expression), row.result) << row.expression;
  }
}

TEST_F(InputTest, SizesThatAreNoIntegersAreTypeErrors) {
  for (const char* expression :
       {"i.read('3')", "i.read(1.5)", "i.readline(b'1')", "i.readlines([])", "i.read(1, 2)"}) {
    renew();
    errors.clear();
    with_body("x");
    read(expression);
    expect_500();
    EXPECT_CONTAINS(error(), "TypeError");
  }
}

TEST_F(InputTest, WithoutABodyItIsEmptyAndShared) {
  EXPECT_EQ(read("i.read(), i.read(5), i.readline(), i.readlines(), list(i)"),
            "(b'', b'', b'', [], [])");
}

TEST_F(InputTest, WaitsForWhatItWasAskedFor) {
  with_body("ab", BodyState::Open, false);
  comes_later({"cd", "ef\ngh", "ij"});
  EXPECT_EQ(read("i.read(3), i.readline(), i.read()"), "(b'abc', b'def\\n', b'ghij')");
  EXPECT_EQ(slot.waits, 4);
  EXPECT_GT(slot.steps, 3);
}

TEST_F(InputTest, AKnownLengthIsReadIntoPlace) {
  std::string rest(3'000'000, 'x');
  with_body("start", BodyState::Open);
  exchange->head.content_length = rest.size() + 5;
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < rest.size(); at += 100'000)
    pieces.push_back(rest.substr(at, 100'000));
  comes_later(pieces);
  EXPECT_EQ(read("(lambda b: (len(b), b[:6], b.count(b'x')))(i.read())"),
            "(3000005, b'startx', 3000000)");
}

TEST_F(InputTest, APromisedLengthAloneTakesNoMemory) {
  with_body("start", BodyState::Open);
  exchange->head.content_length = 1ULL << 50;
  comes_later({}, BodyState::Truncated);
  read("i.read()");
  EXPECT_EQ(answer.end, ReplyEnd::Cut);
}

TEST_F(InputTest, SpilledBodiesReadTheSame) {
  limits.body_memory_bytes = 1000;
  renew();
  std::string body;
  for (int i = 0; i < 20000; ++i) body += "line " + std::to_string(i) + "\n";
  with_body(body);
  EXPECT_EQ(read("sum(int(line[5:]) for line in i)"), "199990000");
  renew();
  with_body(body);
  EXPECT_EQ(read("len(i.read(70000)) + len(i.readline()) + len(i.read())"),
            std::to_string(body.size()));
}

TEST_F(InputTest, TheOwnerIsToldThatThereIsRoomAgain) {
  limits.body_memory_bytes = 1000;
  limits.body_spill_bytes = 1000;
  renew();
  with_body(std::string(2000, 'x'), BodyState::Open);
  EXPECT_TRUE(exchange->body.full());
  comes_later({});
  slot.when_published = [this](Exchange& e) { EXPECT_FALSE(e.body.full()); };
  EXPECT_EQ(read("len(i.read(2000))"), "2000");
  EXPECT_GE(slot.publications, 1);
}

TEST_F(InputTest, TheClientIsAskedToContinueWhenTheBodyIsRead) {
  with_body("", BodyState::Open, false);
  exchange->head.expects_continue = true;
  comes_later({"x"});
  EXPECT_EQ(read("i.read(1)"), "b'x'");
  EXPECT_TRUE(answer.wants_continue);
  renew();
  with_body("", BodyState::Open, false);
  exchange->head.expects_continue = true;
  EXPECT_EQ(read("1"), "1");
  EXPECT_FALSE(answer.wants_continue);
}

TEST_F(InputTest, LongLinesAreWhole) {
  with_body("", BodyState::Open, false);
  comes_later(
      {std::string(40000, 'a'), std::string(40000, 'a') + "\nb", std::string(100, 'b') + "\n"});
  EXPECT_EQ(read("[len(line) for line in i]"), "[80001, 102]");
}

struct BodyFailure {
  BodyState state;
  const char* exception;
  int status;  // of the page; 0: none
  ReplyEnd end;
  const char* page;
};

const BodyFailure kBodyFailures[] = {
    {BodyState::Truncated, "ClientDisconnected", 0, ReplyEnd::Cut, ""},
    {BodyState::Malformed, "BadRequestBody", 400, ReplyEnd::Finished, "broken chunk"},
    {BodyState::TooSlow, "RequestBodyTimeout", 408, ReplyEnd::Finished, ""},
    {BodyState::TooLarge, "RequestBodyTooLarge", 413, ReplyEnd::Finished, "broken chunk"},
    {BodyState::NoSpace, "RequestBodyNotStored", 507, ReplyEnd::Finished, ""},
};

TEST_F(InputTest, AnUncaughtBodyErrorBecomesItsAnswer) {
  for (const BodyFailure& row : kBodyFailures) {
    for (const char* call : {"i.read()", "i.readline()", "list(i)", "i.read(100)"}) {
      renew();
      with_body("some", row.state);
      read(call);
      EXPECT_EQ(answer.status, row.status) << row.exception;
      EXPECT_EQ(answer.end, row.end) << row.exception;
      EXPECT_CONTAINS(answer.body, row.page);
    }
  }
  EXPECT_EQ(errors.size(), 4U) << "only the server's own trouble is an ERROR";
}

TEST_F(InputTest, ABodyErrorAfterTheHeadCutsTheReply) {
  for (const BodyFailure& row : kBodyFailures) {
    renew();
    with_body("some", row.state);
    get("def app(environ, start_response):\n"
        "    start_response('200 OK', [])(b'begun')\n"
        "    environ['wsgi.input'].read()\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.end, ReplyEnd::Cut);
  }
}

TEST_F(InputTest, AnApplicationMayCatchABodyError) {
  for (const BodyFailure& row : kBodyFailures) {
    renew();
    with_body("some", row.state);
    get("def app(environ, start_response):\n"
        "    i = environ['wsgi.input']\n"
        "    assert i.read(4) == b'some'\n"
        "    names = []\n"
        "    for again in range(2):\n"
        "        try: i.read(1)\n"
        "        except Exception as e: names.append(type(e).__module__ + '.' + type(e).__name__)\n"
        "    start_response('200 OK', [])\n"
        "    return [' '.join(names).encode()]\n");
    const std::string name = std::string("winghorn.exceptions.") + row.exception;
    EXPECT_EQ(answer.body, name + " " + name);
  }
}

TEST_F(InputTest, ExceptionsHaveTheBasesThatApplicationsCatch) {
  load(
      "import sys\ne = sys.modules['winghorn.exceptions']\ndef app(environ, start_response): "
      "pass\n");
  EXPECT_EQ(
      value("issubclass(e.ClientDisconnected, OSError), issubclass(e.BadRequestBody, ValueError), "
            "issubclass(e.RequestBodyTimeout, TimeoutError), issubclass(e.RequestBodyNotStored, "
            "OSError), "
            "issubclass(e.InvalidResponseHeaderName, e.InvalidResponseHeader)"),
      "(True, True, True, True, True)");
}

TEST_F(InputTest, AClientThatLeavesWhileWeWaitIsAnError) {
  with_body("some", BodyState::Open);
  slot.when_waiting = [this] { exchange->reply.discard(); };
  read("i.read()");
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(debugs.size(), 1U);
}

TEST_F(InputTest, KeptPastItsRequestItRaises) {
  load(
      "kept = []\n"
      "def app(environ, start_response):\n"
      "    kept.append(environ['wsgi.input'])\n"
      "    start_response('200 OK', [])\n"
      "    return [kept[-1].readline()]\n");
  for (const char* body : {"abc\nd\ne", "fgh\nd\ne"}) {
    renew();
    with_body(body);
    run();
    EXPECT_EQ(answer.body, std::string(body, 4));
  }
  EXPECT_EQ(value("kept[0] is kept[1]"), "False");
  const gil::Ref done =
      gil::Ref::steal(PyRun_String("try: kept[0].readline()\nexcept ValueError as e: text = str(e)",
                                   Py_file_input, names.get(), names.get()));
  EXPECT_EQ(value("text"), "read of wsgi.input after its request has ended");
}

TEST_F(InputTest, UsedAgainItStartsFresh) {
  load(
      "ids = set()\n"
      "def app(environ, start_response):\n"
      "    ids.add(id(environ['wsgi.input']))\n"
      "    start_response('200 OK', [])\n"
      "    return [environ['wsgi.input'].readline()]\n");
  for (const char* body : {"one\nrest", "two\nmore", "three"}) {
    renew();
    with_body(body);
    run();
    EXPECT_EQ(answer.body, std::string(body).substr(0, std::string(body).find('\n')) +
                               (contains(body, "\n") ? "\n" : ""));
  }
  EXPECT_EQ(value("len(ids)"), "1");
}

TEST_F(InputTest, AnotherThreadMayReadIt) {
  with_body("ab", BodyState::Open, false);
  exchange->head.expects_continue = true;
  exchange->body.reset(limits, spill);
  // The owner answers the wish to continue.
  slot.when_published = [this](Exchange& e) {
    collect();
    if (!answer.wants_continue || e.body.state() != BodyState::Open) return;
    EXPECT_TRUE(e.body.put("from afar").ok());
    e.body.end(BodyState::Complete);
  };
  EXPECT_EQ(read("(lambda r: (lambda t: (t.start(), t.join(), r))("
                 "__import__('threading').Thread(target=lambda: r.append(i.read()))))([])"),
            "(None, None, [b'from afar'])");
}

}  // namespace
}  // namespace winghorn::wsgi
