// SPDX-License-Identifier: MIT
#include "python/wsgi/application.h"

#include <signal.h>

#include <thread>

#include "python/gil/forked_child.h"
#include "wsgi_fixture.h"

namespace winghorn::wsgi {
namespace {

class ApplicationTest : public WsgiTest {
 protected:
  long allocated_blocks() {
    return std::stol(
        value("(__import__('gc').collect(), __import__('sys').getallocatedblocks())[1]"));
  }
};

TEST_F(ApplicationTest, KeepsTheLockUntilItRests) {
  load("def app(environ, start_response):\n    start_response('200 OK', [])\n    return []\n");
  thread->let_go();
  EXPECT_FALSE(PyGILState_Check());
  run();
  EXPECT_TRUE(thread->holds());
  renew();
  run();
  app->rest();
  EXPECT_FALSE(thread->holds());
  app->rest();
  EXPECT_FALSE(PyGILState_Check());
}

TEST_F(ApplicationTest, PythonSignalHandlersRunWhereTheEngineWaits) {
  std::string raised;
  config.reports.interrupted = [&](const gil::Gil& gil, PyObject* exception) {
    raised = gil::text_of(gil, exception);
  };
  load(
      "import signal\n"
      "seen = []\n"
      "def handler(number, frame):\n"
      "    seen.append(number)\n"
      "    if len(seen) == 2: raise SystemExit('out')\n"
      "before = signal.signal(signal.SIGUSR2, handler)\n"
      "def app(environ, start_response): pass\n");
  thread->let_go();
  for (int i = 0; i < 2; ++i) {
    ::raise(SIGUSR2);
    app->interrupted();
    EXPECT_FALSE(thread->holds());
  }
  EXPECT_EQ(raised, "out");
  EXPECT_EQ(value("len(seen)"), "2");
  EXPECT_EQ(value("signal.signal(signal.SIGUSR2, before) is handler"), "True");
}

TEST_F(ApplicationTest, AForkedChildNeverAnswers) {
  for (const char* child :
       {"return [b'child']", "raise ValueError", "return (write(b'x') for i in range(9))"}) {
    renew();
    get(std::string("import os\n"
                    "def app(environ, start_response):\n"
                    "    write = start_response('200 OK', [])\n"
                    "    pid = os.fork()\n"
                    "    if pid == 0:\n"
                    "        ") +
        child +
        "\n"
        "    return [b'%d' % os.waitpid(pid, 0)[1]]\n");
    EXPECT_EQ(answer.body, "0") << error();
  }
  EXPECT_FALSE(gil::in_forked_child());
}

TEST_F(ApplicationTest, SlotsOnTwoThreadsDoNotMixRequests) {
  load(
      "import time\n"
      "def app(environ, start_response):\n"
      "    body = environ['wsgi.input'].read()\n"
      "    time.sleep(0)\n"
      "    start_response('200 OK', [('X-Who', environ['HTTP_X_WHO'])])\n"
      "    return [environ['PATH_INFO'].encode(), b' ', body]\n");
  thread->let_go();
  const auto work = [this](int who) {
    const PyGILState_STATE state = PyGILState_Ensure();
    {
      gil::SlotThread own;
      own.let_go();
      FakeSlot own_slot;
      own_slot.which = static_cast<unsigned>(who);
      Exchange own_exchange(limits, spill);
      for (int i = 0; i < 1000; ++i) {
        const std::string path = "/" + std::to_string(who) + "/" + std::to_string(i);
        const std::string text = std::to_string(who);
        own_exchange.reset(1, connection);
        own_exchange.head.method = "POST";
        own_exchange.head.target = own_exchange.head.path = path;
        own_exchange.head.version = "HTTP/1.1";
        own_exchange.head.fields = {{"X-Who", text}};
        own_exchange.head.length_unknown = true;
        EXPECT_TRUE(own_exchange.body.put(path).ok());
        own_exchange.body.end(BodyState::Complete);
        app->run(own_exchange, own_slot);
        ReplyParts parts;
        own_exchange.reply.collect(parts);
        std::string body;
        for (const Piece& piece : parts.pieces) body += piece.bytes;
        ASSERT_EQ(body, path + " " + path);
        ASSERT_TRUE(parts.head.has_value());
        parts.head->each_field([&](const Field& field) { ASSERT_EQ(field.value, text); });
        if (i % 100 == 0) app->rest();
      }
    }
    PyGILState_Release(state);
  };
  std::thread one(work, 1);
  std::thread two(work, 2);
  one.join();
  two.join();
}

TEST_F(ApplicationTest, AnotherApplicationHasItsOwnCaches) {
  for (const char* body : {"one", "two"}) {
    get("def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'" +
        std::string(body) + "']\n");
    EXPECT_EQ(answer.body, body);
    renew();
  }
}

struct LeakCase {
  const char* name;
  const char* source;
};

const LeakCase kLeakCases[] = {
    {"hello", "def app(e, s):\n    s('200 OK', [('X-A', '1')])\n    return [b'x']\n"},
    {"generator", "def app(e, s):\n    s('200 OK', [])\n    yield b'x'\n    yield b'y'\n"},
    {"body",
     "def app(e, s):\n    s('200 OK', [])\n    i = e['wsgi.input']\n    return [i.read(2), "
     "i.readline(), i.read()]\n"},
    {"raises", "def app(e, s):\n    raise ValueError(e)\n"},
    {"raises late",
     "def app(e, s):\n    s('200 OK', [])\n    yield b'x'\n    raise ValueError(e)\n"},
    {"wrong type", "def app(e, s):\n    s('200 OK', [])\n    return 'text'\n"},
    {"bad header", "def app(e, s):\n    s('200 OK', [('X-A', 'a'), ('B', '\\n')])\n"},
    {"bad status", "def app(e, s):\n    s('what', [])\n"},
    {"no start", "def app(e, s):\n    return []\n"},
    {"keeps all",
     "kept = []\ndef app(e, s):\n    kept[:] = [e, s, s('200 OK', []), e['wsgi.input']]\n    "
     "return [b'x']\n"},
    {"cycle", "def app(e, s):\n    e['self'] = e\n    s('200 OK', [])\n    return [b'x']\n"},
    {"write",
     "def app(e, s):\n    w = s('200 OK', [])\n    w(b'x')\n    return "
     "[w.__class__.__name__.encode()]\n"},
    {"hints",
     "def app(e, s):\n    e['wsgi.early_hints']([('Link', 'a')])\n    s('200 OK', [])\n    return "
     "[b'x']\n"},
    {"file",
     "import io\ndef app(e, s):\n    s('200 OK', [])\n    return "
     "e['wsgi.file_wrapper'](io.BytesIO(b'x'), 1)\n"},
    {"real file",
     "def app(e, s):\n    s('200 OK', [])\n    return e['wsgi.file_wrapper'](open('/etc/hostname', "
     "'rb'))\n"},
    {"errors",
     "def app(e, s):\n    e['wsgi.errors'].write('x')\n    s('200 OK', [])\n    return []\n"},
    {"exc_info",
     "import sys\ndef app(e, s):\n    s('200 OK', [])\n    try: 1 / 0\n    except Exception: "
     "s('500 No', [], sys.exc_info())\n    return [b'x']\n"},
    {"exc_info late",
     "import sys\ndef app(e, s):\n    s('200 OK', [])(b'x')\n    try: 1 / 0\n    except Exception: "
     "s('500 No', [], sys.exc_info())\n    return [b'x']\n"},
};

TEST_F(ApplicationTest, LeaksNothing) {
  for (const LeakCase& leak : kLeakCases) {
    load(leak.source);
    const auto once = [&](int i) {
      const std::string path = "/%41" + std::to_string(i);
      const std::string name = "X-Long-" + std::string(60, 'n') + std::to_string(i);
      renew();
      exchange->head.target = exchange->head.path = path;
      exchange->head.fields = {
          {"Cookie", "a"}, {"Cookie", "b"}, {name, "1"}, {"X_U", "1"}, {"X-U", "2"}};
      with_body("some\nbody");
      run();
      errors.clear();
    };
    for (int i = 0; i < 100; ++i) once(i);
    const long before = allocated_blocks();
    for (int i = 0; i < 2000; ++i) once(i % 100);
    EXPECT_LT(allocated_blocks() - before, 100) << leak.name;
  }
}

TEST_F(ApplicationTest, LeaksNothingInTenThousandRequests) {
  load(kLeakCases[0].source);
  for (int i = 0; i < 100; ++i) renew(), run();
  const long before = allocated_blocks();
  for (int i = 0; i < 10'000; ++i) renew(), run();
  EXPECT_LT(allocated_blocks() - before, 20);
}

TEST_F(ApplicationTest, RunsUnderThePep3333Validator) {
  with_body("a=1&b=2\nline\n");
  exchange->head.fields = {{"Host", "h"}, {"Content-Length", "13"}, {"Content-Type", "text/plain"}};
  get("from wsgiref.validate import validator\n"
      "def inner(environ, start_response):\n"
      "    i = environ['wsgi.input']\n"
      "    parts = [i.read(3), i.readline(), i.readlines(), list(i)]\n"
      "    environ['wsgi.errors'].write('x')\n"
      "    environ['wsgi.errors'].flush()\n"
      "    write = start_response('200 OK', [('Content-Type', 'text/plain')])\n"
      "    write(b'w ')\n"
      "    return [repr(parts).encode()]\n"
      "app = validator(inner)\n");
  EXPECT_EQ(answer.body, "w [b'a=1', b'&b=2\\n', [b'line\\n'], []]") << error();
}

}  // namespace
}  // namespace winghorn::wsgi
