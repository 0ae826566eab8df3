// SPDX-License-Identifier: MIT
#include "python/wsgi/environ.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wsgi_fixture.h"

namespace winghorn::wsgi {
namespace {

class Environ : public WsgiTest {
 protected:
  // The environ of the exchange as it is now, asked with value("seen[...]").
  void see() {
    if (!app) {
      load(
          "seen = None\n"
          "def app(environ, start_response):\n"
          "    global seen\n"
          "    seen = dict(environ)\n"
          "    start_response('200 OK', [])\n"
          "    return [b'']\n");
    }
    run();
  }
  std::string seen(const std::string& key) {
    return value("repr(seen.get('" + key + "', 'missing'))");
  }
};

TEST_F(Environ, SaysWhatTheRequestLineSays) {
  exchange->head.target = "/a%20b?x=%201";
  exchange->head.path = "/a%20b";
  exchange->head.query = "x=%201";
  see();
  EXPECT_EQ(seen("REQUEST_METHOD"), "'GET'");
  EXPECT_EQ(seen("RAW_URI"), "'/a%20b?x=%201'");
  EXPECT_EQ(seen("PATH_INFO"), "'/a b'");
  EXPECT_EQ(seen("QUERY_STRING"), "'x=%201'");
  EXPECT_EQ(seen("SERVER_PROTOCOL"), "'HTTP/1.1'");
  EXPECT_EQ(seen("SCRIPT_NAME"), "''");
}

TEST_F(Environ, SaysWhoTalksToWhom) {
  see();
  EXPECT_EQ(seen("REMOTE_ADDR"), "'192.0.2.7'");
  EXPECT_EQ(seen("REMOTE_PORT"), "'5000'");
  EXPECT_EQ(seen("SERVER_NAME"), "'127.0.0.1'");
  EXPECT_EQ(seen("SERVER_PORT"), "'8000'");
  EXPECT_EQ(seen("SERVER_SOFTWARE"), "'winghorn/test'");
}

TEST_F(Environ, HasWhatPep3333Wants) {
  see();
  EXPECT_EQ(seen("wsgi.version"), "(1, 0)");
  EXPECT_EQ(seen("wsgi.url_scheme"), "'http'");
  EXPECT_EQ(seen("wsgi.input_terminated"), "True");
  EXPECT_EQ(seen("wsgi.multithread"), "False");
  EXPECT_EQ(seen("wsgi.multiprocess"), "False");
  EXPECT_EQ(seen("wsgi.run_once"), "False");
  EXPECT_EQ(value("seen['wsgi.input'].read()"), "b''");
  EXPECT_EQ(value("callable(seen['wsgi.early_hints'])"), "True");
  EXPECT_EQ(value("type(seen)"), "<class 'dict'>");
}

TEST_F(Environ, TakesTheHeadsScheme) {
  exchange->head.scheme = "https";
  see();
  EXPECT_EQ(seen("wsgi.url_scheme"), "'https'");
  renew();
  see();
  EXPECT_EQ(seen("wsgi.url_scheme"), "'http'");
}

TEST_F(Environ, ThreadsAndProcessesAreAsConfigured) {
  config.multithread = config.multiprocess = true;
  see();
  EXPECT_EQ(seen("wsgi.multithread"), "True");
  EXPECT_EQ(seen("wsgi.multiprocess"), "True");
}

TEST_F(Environ, NamesHeadersInUpperCase) {
  exchange->head.fields = {{"host", "a:1"},
                           {"X-Custom-THING", "1"},
                           {"content-type", "text/plain"},
                           {"Content-Length", "0"},
                           {"aCCept-encoding", "gzip"}};
  see();
  EXPECT_EQ(seen("HTTP_HOST"), "'a:1'");
  EXPECT_EQ(seen("HTTP_X_CUSTOM_THING"), "'1'");
  EXPECT_EQ(seen("CONTENT_TYPE"), "'text/plain'");
  EXPECT_EQ(seen("CONTENT_LENGTH"), "'0'");
  EXPECT_EQ(seen("HTTP_CONTENT_TYPE"), "'missing'");
  EXPECT_EQ(seen("HTTP_CONTENT_LENGTH"), "'missing'");
  EXPECT_EQ(seen("HTTP_ACCEPT_ENCODING"), "'gzip'");
}

TEST_F(Environ, JoinsRepeatedHeadersWithACommaInOrder) {
  exchange->head.fields = {
      {"Cookie", "a=1"}, {"X-A", "1"}, {"cookie", "b=2"}, {"X-A", "2"}, {"X-A", ""}};
  see();
  EXPECT_EQ(seen("HTTP_COOKIE"), "'a=1,b=2'");
  EXPECT_EQ(seen("HTTP_X_A"), "'1,2,'");
}

TEST_F(Environ, NamesThatDifferInDashAndUnderscoreAreOneKey) {
  exchange->head.fields = {{"X-A", "1"}, {"X_A", "2"}, {"X-A", "3"}};
  see();
  EXPECT_EQ(seen("HTTP_X_A"), "'1,2,3'");
  renew().head.fields = {{"X_A", "2"}, {"X-A", "1"}};
  see();
  EXPECT_EQ(seen("HTTP_X_A"), "'2,1'");
}

TEST_F(Environ, ValuesAreLatin1) {
  exchange->head.fields = {{"X-A", "caf\xe9"}};
  exchange->head.target = exchange->head.path = "/%C3%A0%00%2f%zz%4";
  see();
  EXPECT_EQ(value("ascii(seen['HTTP_X_A'])"), "'caf\\xe9'");
  EXPECT_EQ(value("ascii(seen['PATH_INFO'])"), "'/\\xc3\\xa0\\x00/%zz%4'");
}

TEST_F(Environ, PathsWithoutAFormStayAsTheyAre) {
  exchange->head.target = exchange->head.path = "*";
  see();
  EXPECT_EQ(seen("PATH_INFO"), "'*'");
  renew().head.path = "//two";
  see();
  EXPECT_EQ(seen("PATH_INFO"), "'//two'");
}

TEST_F(Environ, TakesAConfiguredScriptNameOffThePath) {
  config.script_name = "/mount";
  exchange->head.target = exchange->head.path = "/mount/x";
  see();
  EXPECT_EQ(seen("SCRIPT_NAME"), "'/mount'");
  EXPECT_EQ(seen("PATH_INFO"), "'/x'");
}

TEST_F(Environ, AScriptNameHeaderRulesOverTheConfiguredOne) {
  config.script_name = "/mount";
  exchange->head.target = exchange->head.path = "/other/x";
  exchange->head.fields = {{"SCRIPT_NAME", "/other"}, {"PATH_INFO", "/no"}};
  see();
  EXPECT_EQ(seen("SCRIPT_NAME"), "'/other'");
  EXPECT_EQ(seen("PATH_INFO"), "'/x'");
  EXPECT_EQ(seen("HTTP_SCRIPT_NAME"), "'/other'");
  EXPECT_EQ(seen("HTTP_PATH_INFO"), "'/no'");
}

TEST_F(Environ, ScriptNameWithADashIsAHeaderLikeAnyOther) {
  exchange->head.fields = {{"Script-Name", "/other"}};
  see();
  EXPECT_EQ(seen("SCRIPT_NAME"), "''");
  EXPECT_EQ(seen("HTTP_SCRIPT_NAME"), "'/other'");
}

TEST_F(Environ, APathOutsideTheScriptNameIsRefused) {
  config.script_name = "/mount";
  exchange->head.target = exchange->head.path = "/x";
  see();
  EXPECT_EQ(value("seen"), "None");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.reason, "Bad Request");
  EXPECT_CONTAINS(answer.body,
                  "Configuration problem: Request path &#x27;/x&#x27; does not start with");
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0],
            "Invalid request from ip=192.0.2.7: Configuration problem: Request path '/x' does not "
            "start with "
            "SCRIPT_NAME '/mount'");
}

TEST_F(Environ, AUnixSocketIsNamedByTheHostHeader) {
  connection = ConnectionInfo();
  connection.is_unix = true;
  connection.local_address = "/run/app.sock";
  struct Row {
    const char* host;
    const char* scheme;
    const char* name;
    const char* port;
  };
  const Row rows[] = {{"a.example:81", "http", "'a.example'", "'81'"},
                      {"a.example", "http", "'a.example'", "'80'"},
                      {"a.example", "https", "'a.example'", "'443'"},
                      {nullptr, "http", "'/run/app.sock'", "''"}};
  for (const Row& row : rows) {
    renew().head.fields.clear();
    exchange->head.scheme = row.scheme;
    if (row.host != nullptr) exchange->head.fields = {{"Host", row.host}};
    see();
    EXPECT_EQ(seen("SERVER_NAME"), row.name);
    EXPECT_EQ(seen("SERVER_PORT"), row.port);
    EXPECT_EQ(seen("REMOTE_ADDR"), "''");
    EXPECT_EQ(seen("REMOTE_PORT"), "'missing'");
  }
}

TEST_F(Environ, AGatewaysVariablesReplaceWhatTheServerKnows) {
  exchange->head.variables = {{"CUSTOM", "\xe9\n"},
                              {"REMOTE_ADDR", "192.0.2.9"},
                              {"SERVER_NAME", "front"},
                              {"SERVER_PROTOCOL", "HTTP/2.0"}};
  see();
  EXPECT_EQ(seen("CUSTOM"), "'\xc3\xa9\\n'");
  EXPECT_EQ(seen("REMOTE_ADDR"), "'192.0.2.9'");
  EXPECT_EQ(seen("SERVER_NAME"), "'front'");
  EXPECT_EQ(seen("SERVER_PROTOCOL"), "'HTTP/2.0'");
  EXPECT_EQ(seen("REMOTE_PORT"), "'5000'");
  renew();
  see();
  EXPECT_EQ(seen("CUSTOM"), "'missing'");
  EXPECT_EQ(seen("REMOTE_ADDR"), "'192.0.2.7'");
  EXPECT_EQ(seen("SERVER_NAME"), "'127.0.0.1'");
}

TEST_F(Environ, ADecodedPathIsNotDecodedAgain) {
  exchange->head.path = "/a%20b";
  exchange->head.path_is_decoded = true;
  see();
  EXPECT_EQ(seen("PATH_INFO"), "'/a%20b'");
}

TEST_F(Environ, AGatewayThatNamesScriptNameHasTakenItOffThePath) {
  config.script_name = "/site";
  exchange->head.path = "/page";
  exchange->head.variables = {{"SCRIPT_NAME", "/mount"}};
  see();
  EXPECT_EQ(seen("SCRIPT_NAME"), "'/mount'");
  EXPECT_EQ(seen("PATH_INFO"), "'/page'");
  renew();
  exchange->head.path = "/site/page";
  exchange->head.variables = {{"CUSTOM", ""}};
  see();
  EXPECT_EQ(seen("SCRIPT_NAME"), "'/site'");
  EXPECT_EQ(seen("PATH_INFO"), "'/page'");
}

TEST_F(Environ, NothingOfOneRequestIsInTheNext) {
  load(
      "seen = []\n"
      "def app(environ, start_response):\n"
      "    seen.append(dict(environ))\n"
      "    environ['mine'] = 1\n"
      "    environ.pop('SERVER_NAME')\n"
      "    start_response('200 OK', [])\n"
      "    return []\n");
  exchange->head.fields = {{"X-Secret", "1"}, {"Host", "one"}};
  exchange->head.query = "a";
  run();
  connection.peer_address = "192.0.2.8";
  renew().head.fields = {{"Host", "two"}};
  exchange->head.method = "PUT";
  run();
  EXPECT_EQ(value("'mine' in seen[1] or 'HTTP_X_SECRET' in seen[1]"), "False");
  EXPECT_EQ(value("seen[1]['HTTP_HOST'], seen[1]['QUERY_STRING'], seen[1]['REQUEST_METHOD']"),
            "('two', '', 'PUT')");
  EXPECT_EQ(value("seen[1]['SERVER_NAME'], seen[1]['REMOTE_ADDR']"), "('127.0.0.1', '192.0.2.8')");
}

TEST_F(Environ, MoreHeaderNamesThanTheTableHoldsAreStillRight) {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> texts;
    for (int i = 0; i < 50; ++i) texts.push_back("X-Name-" + std::to_string(round * 50 + i));
    const std::string long_name(120, 'y');
    renew().head.fields.clear();
    for (const std::string& text : texts) exchange->head.fields.push_back({text, text});
    exchange->head.fields.push_back({long_name, "1"});
    exchange->head.fields.push_back({long_name, "2"});
    exchange->head.fields.push_back({texts[0], "again"});
    see();
    EXPECT_EQ(value("all(seen['HTTP_X_NAME_%d' % i] == 'X-Name-%d' % i for i in range(" +
                    std::to_string(round * 50 + 1) + ", " + std::to_string(round * 50 + 50) + "))"),
              "True");
    EXPECT_EQ(value("seen['HTTP_' + 'Y' * 120]"), "1,2");
    EXPECT_EQ(value("seen['HTTP_X_NAME_" + std::to_string(round * 50) + "']"), texts[0] + ",again");
  }
}

TEST_F(Environ, LongValuesAreWhole) {
  const std::string cookie(8000, 'c');
  for (int i = 0; i < 2; ++i) {
    renew().head.fields = {{"Cookie", cookie}};
    see();
    EXPECT_EQ(value("seen['HTTP_COOKIE'] == 'c' * 8000"), "True");
  }
}

TEST_F(Environ, ErrorsStreamWritesAtOnce) {
  get("import logging, traceback\n"
      "def app(environ, start_response):\n"
      "    e = environ['wsgi.errors']\n"
      "    assert e.write('caf\\xe9 \\udc80') == 6\n"
      "    e.writelines(['a', 'b\\n'])\n"
      "    e.flush()\n"
      "    print('printed', file=e)\n"
      "    try: e.write(b'x')\n"
      "    except TypeError: e.write('no bytes')\n"
      "    start_response('200 OK', [])\n"
      "    return []\n");
  EXPECT_EQ(answer.status, 200) << error();
  EXPECT_EQ(stream, "caf\xc3\xa9 \\udc80ab\nprinted\nno bytes");
}

TEST_F(Environ, ErrorsStreamTellsWhenALineIsOver) {
  get("def app(environ, start_response):\n"
      "    environ['wsgi.errors'].write('begun')\n"
      "    environ['wsgi.errors'].flush()\n"
      "    environ['wsgi.errors'].write('; left open')\n"
      "    start_response('200 OK', [])\n"
      "    return []\n");
  EXPECT_EQ(flushed, (std::vector<std::string>{"begun", "begun; left open"}));
}

TEST_F(Environ, TheClientsSocketIsRealOnceItIsUsed) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  connection.socket = ends[0];
  load(
      "import copy\n"
      "kept = []\n"
      "def app(environ, start_response):\n"
      "    s = environ['gunicorn.socket']\n"
      "    repr(environ), copy.copy(environ)\n"
      "    kept.append(s)\n"
      "    if environ['PATH_INFO'] == '/use':\n"
      "        s.sendall(b'beside')\n"
      "        raise StopIteration\n"
      "    start_response('200 OK', [])\n"
      "    return []\n");
  run();
  EXPECT_EQ(answer.status, 200) << error();
  renew().head.path = "/use";
  run();
  EXPECT_EQ(answer.status, 0);
  EXPECT_EQ(answer.end, ReplyEnd::Silent);
  EXPECT_TRUE(errors.empty());
  char got[16] = {};
  EXPECT_EQ(::read(ends[1], got, sizeof got), 6);
  EXPECT_EQ(value("kept[0] is kept[1]"), "False");
  EXPECT_EQ(value("kept[1].fileno() > 2"), "True");
  EXPECT_EQ(value("[hasattr(kept[1], 'recv')]"), "[True]");
  const gil::Ref done =
      gil::Ref::steal(PyRun_String("try: kept[0].recv\nexcept OSError as e: errno = e.errno",
                                   Py_file_input, names.get(), names.get()));
  EXPECT_EQ(value("errno"), std::to_string(EBADF));
  EXPECT_NE(::fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0) << "the engine's descriptor must not block";
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace winghorn::wsgi
