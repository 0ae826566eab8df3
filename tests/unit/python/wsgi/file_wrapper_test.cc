// SPDX-License-Identifier: MIT
#include "python/wsgi/file_wrapper.h"

#include "wsgi_fixture.h"

namespace winghorn::wsgi {
namespace {

class FileWrapperTest : public WsgiTest {
 protected:
  // An application that wraps `file`, an expression in a module that has a file of 10,000 bytes.
  const Answer& send(const std::string& file, const std::string& headers = "[]") {
    renew();
    errors.clear();
    load(
        "import gzip, io, os, tempfile\n"
        "path = tempfile.mkstemp()[1]\n"
        "with open(path, 'wb') as f: f.write(b'0123456789' * 1000)\n"
        "class Custom:\n"
        "    def __init__(self, f): self.f = f\n"
        "    def fileno(self): return self.f.fileno()\n"
        "    def read(self, n=-1): return self.f.read(n).replace(b'0', b'-')\n"
        "def moved(f, to):\n"
        "    f.seek(to - 10)\n"
        "    f.read(10)\n"
        "    return f\n"
        "wrapped = None\n"
        "def app(environ, start_response):\n"
        "    global wrapped\n"
        "    wrapped = " +
        file +
        "\n"
        "    start_response('200 OK', " +
        headers +
        ")\n"
        "    return environ['wsgi.file_wrapper'](wrapped, 4096)\n");
    run();
    value("os.unlink(path)");
    return answer;
  }
};

TEST_F(FileWrapperTest, PlainFilesAreSentByTheKernel) {
  for (const char* file :
       {"open(path, 'rb')", "open(path, 'rb', 0)", "open(path, 'r+b')", "io.FileIO(path)",
        "tempfile._TemporaryFileWrapper(open(path, 'rb'), path, delete=False)"}) {
    send(file);
    EXPECT_EQ(answer.body.size(), 10'000U) << file << error();
    EXPECT_EQ(answer.file_pieces, 1) << file;
    EXPECT_EQ(answer.end, ReplyEnd::Finished);
    EXPECT_EQ(value("wrapped.closed"), "True");
  }
}

TEST_F(FileWrapperTest, FromWhereTheApplicationHasReadTo) {
  for (const char* file : {"moved(open(path, 'rb'), 9990)", "moved(open(path, 'rb', 0), 9990)"}) {
    send(file);
    EXPECT_EQ(answer.body, "0123456789") << file;
    EXPECT_EQ(answer.file_pieces, 1);
  }
  send("moved(open(path, 'rb'), 20000)");
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(answer.end, ReplyEnd::Finished);
}

TEST_F(FileWrapperTest, AsFarAsContentLengthSays) {
  send("open(path, 'rb')", "[('Content-Length', '15')]");
  EXPECT_EQ(answer.body, "012345678901234");
  EXPECT_EQ(answer.end, ReplyEnd::Finished);
  send("moved(open(path, 'rb'), 9990)", "[('Content-Length', '15')]");
  EXPECT_EQ(answer.body, "0123456789");
  EXPECT_EQ(answer.end, ReplyEnd::Cut);
}

TEST_F(FileWrapperTest, OthersAreRead) {
  struct Row {
    const char* file;
    const char* body;
  };
  const Row rows[] = {
      {"io.BytesIO(b'in memory')", "in memory"},
      {"gzip.open(io.BytesIO(gzip.compress(b'unpacked')))", "unpacked"},
      {"Custom(moved(open(path, 'rb'), 9990))", "-123456789"},
      {"open('/proc/self/comm', 'rb')", "python_wsgi_tes\n"},
      {"type('Minimal', (), {'read': lambda self, n, left=[b'a', b'b', b'']: left.pop(0)})()",
       "ab"},
  };
  for (const Row& row : rows) {
    send(row.file);
    EXPECT_EQ(answer.body, row.body) << row.file << error();
    EXPECT_EQ(answer.end, ReplyEnd::Finished);
  }
  config.sendfile = false;
  send("open(path, 'rb')");
  EXPECT_EQ(answer.body.size(), 10'000U);
  EXPECT_EQ(answer.file_pieces, 0);
  EXPECT_EQ(value("wrapped.closed"), "True");
}

TEST_F(FileWrapperTest, AnEmptyFileIsAnEmptyBody) {
  send("open(os.devnull, 'rb')");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(answer.end, ReplyEnd::Finished);
}

TEST_F(FileWrapperTest, AFileThatCannotBeReadIsAnError) {
  for (const char* file : {"(lambda f: (f.close(), f)[1])(open(path, 'rb'))", "open(path)",
                           "object()", "open(path, 'wb')"}) {
    send(file);
    expect_500();
  }
}

TEST_F(FileWrapperTest, ItBehavesAsAClass) {
  load(
      "import io\n"
      "wrapper = None\n"
      "def app(environ, start_response):\n"
      "    global wrapper\n"
      "    wrapper = environ['wsgi.file_wrapper']\n"
      "    start_response('200 OK', [])\n"
      "    return []\n");
  run();
  EXPECT_EQ(value("list(wrapper(io.BytesIO(b'abcde'), blksize=2))"), "[b'ab', b'cd', b'e']");
  EXPECT_EQ(
      value(
          "wrapper(io.BytesIO(b'x' * 9000)).blksize, len(next(wrapper(io.BytesIO(b'x' * 9000))))"),
      "(8192, 8192)");
  EXPECT_EQ(value("hasattr(wrapper(io.BytesIO()), 'close'), hasattr(wrapper(object()), 'close')"),
            "(True, False)");
  EXPECT_EQ(value("isinstance(wrapper(io.BytesIO()), wrapper), wrapper(7).filelike"), "(True, 7)");
  EXPECT_EQ(value("list(type('Sub', (wrapper,), {})(io.BytesIO(b'ab'), 1))"), "[b'a', b'b']");
}

}  // namespace
}  // namespace winghorn::wsgi
