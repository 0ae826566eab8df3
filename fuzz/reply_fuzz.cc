// SPDX-License-Identifier: MIT
//
// reply_fuzz: whatever an application does with its reply, what goes out is one response that any reader takes for
// the same, or a connection that ends so that nobody takes a part for the whole.
//
// Input: the request's kind and the application's steps, each with its text. A reader of its own, with no code of
// the server's, takes the output apart. Invariants: one final status line; no control byte in a head; at most one
// length; never both framings; never more body than announced; a whole reply is whole, and only then the
// connection stays.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "seeds.h"
#include "wire/driver.h"

namespace {

using namespace winghorn;
using namespace winghorn::wire;

void require(bool condition, const char* what, const std::string& output) {
  if (condition) return;
  std::fprintf(stderr, "invariant broken: %s\n%s\n", what, output.c_str());
  std::abort();
}

// What the input is read as.
class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size)
      : left_(reinterpret_cast<const char*>(data), size) {}

  unsigned number(unsigned below) {
    return empty() ? 0 : static_cast<unsigned char>(take(1)[0]) % below;
  }
  Bytes text() { return take(number(40)); }
  bool empty() const { return left_.empty(); }

 private:
  Bytes take(std::size_t count) {
    const Bytes taken = left_.substr(0, count);
    left_.remove_prefix(taken.size());
    return taken;
  }

  Bytes left_;
};

// True: it was cut, by an application that failed.
bool play(Script& script, Exchange& exchange) {
  ReplyHead head;
  head.set_status(200, "OK");
  bool is_started = false;
  while (!script.empty()) {
    switch (script.number(8)) {
      case 0:
        head.set_status(static_cast<int>(100 + script.number(250) * 3), script.text());
        break;
      case 1:
      case 2: {
        const Bytes name = script.text();
        head.add(name, script.text());
        break;
      }
      case 3:
        head.add("Content-Length", std::to_string(script.number(60)));
        break;
      case 4:
        if (!is_started) {
          ReplyHead hints(head);
          hints.set_status(103, "Early Hints");
          exchange.reply.inform(std::move(hints));
        }
        break;
      case 5:
        if (!is_started && head.status() >= 200) {
          exchange.reply.start(ReplyHead(head));
          is_started = true;
        }
        break;
      case 6:
        if (is_started) exchange.reply.write(script.text());
        break;
      case 7:
        if (is_started) {
          exchange.reply.cut();
          return true;
        }
        break;
      default:
        break;
    }
  }
  if (!is_started) {
    if (head.status() < 200) head.set_status(204, "");
    exchange.reply.start(std::move(head));
  }
  exchange.reply.finish();
  return false;
}

// ---- a reader of its own

struct Head {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return text;
}

std::optional<Head> read_head(const std::string& output, std::size_t& at) {
  const std::size_t end = output.find("\r\n\r\n", at);
  if (end == std::string::npos) return std::nullopt;
  const std::string text = output.substr(at, end - at + 2);
  at = end + 4;
  Head head;
  std::size_t begin = 0;
  for (bool is_first = true; begin < text.size(); is_first = false) {
    const std::size_t stop = text.find("\r\n", begin);
    const std::string line = text.substr(begin, stop - begin);
    begin = stop + 2;
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      require((byte >= 0x20 && byte != 0x7F) || byte == '\t', "a control byte in a head", output);
    }
    if (is_first) {
      require(line.starts_with("HTTP/1.") && line.size() >= 12, "no status line", output);
      head.status = std::atoi(line.substr(9, 3).c_str());
      continue;
    }
    const std::size_t colon = line.find(": ");
    require(colon != std::string::npos && colon > 0, "a line that is no field", output);
    head.fields.emplace_back(lower(line.substr(0, colon)), line.substr(colon + 2));
  }
  return head;
}

std::vector<std::string> values_of(const Head& head, const char* name) {
  std::vector<std::string> found;
  for (const auto& [key, value] : head.fields) {
    if (key == name) found.push_back(value);
  }
  return found;
}

// False: it ends before its last chunk.
bool read_chunks(const std::string& output, std::size_t& at) {
  while (true) {
    const std::size_t end = output.find("\r\n", at);
    if (end == std::string::npos) return false;
    char* stopped = nullptr;
    const std::string size_text = output.substr(at, end - at);
    const unsigned long size = std::strtoul(size_text.c_str(), &stopped, 16);
    require(!size_text.empty() && *stopped == '\0', "a chunk without a size", output);
    at = end + 2;
    if (size == 0) {
      require(output.compare(at, 2, "\r\n") == 0, "a last chunk without its end", output);
      at += 2;
      return true;
    }
    if (at + size + 2 > output.size()) return false;
    require(output.compare(at + size, 2, "\r\n") == 0, "a chunk without its end", output);
    at += size + 2;
  }
}

void check(const std::string& output, bool is_head, bool is_closed, bool is_1_0, bool was_cut) {
  std::size_t at = 0;
  std::optional<Head> head = read_head(output, at);
  while (head && head->status < 200) {
    require(
        values_of(*head, "content-length").empty() && values_of(*head, "transfer-encoding").empty(),
        "an interim reply with a framing", output);
    head = read_head(output, at);
  }
  if (!head) return require(is_closed, "no reply on a connection that stays", output);
  const auto lengths = values_of(*head, "content-length");
  const auto codings = values_of(*head, "transfer-encoding");
  require(lengths.size() <= 1, "two lengths", output);
  require(lengths.empty() || codings.empty(), "both framings", output);
  require(!is_1_0 || codings.empty(), "chunks for HTTP/1.0", output);
  const bool has_no_body = is_head || head->status == 204 || head->status == 304;
  require(head->status != 204 || lengths.empty(), "a length in 204", output);
  bool is_whole = true;
  if (has_no_body) {
    require(at == output.size(), "a body where none may be", output);
  } else if (!codings.empty()) {
    is_whole = read_chunks(output, at);
    require(!is_whole || at == output.size(), "bytes behind the last chunk", output);
  } else if (!lengths.empty()) {
    const std::size_t announced = std::strtoul(lengths[0].c_str(), nullptr, 10);
    require(output.size() - at <= announced, "more than announced", output);
    is_whole = output.size() - at == announced;
  } else {
    require(is_closed, "a body without an end on a connection that stays", output);
  }
  require(is_whole || is_closed, "a part of a reply on a connection that stays", output);
  const auto connection = values_of(*head, "connection");
  require(connection.size() == 1, "what becomes of the connection is not said once", output);
  // A reply that is cut has promised what could not be kept.
  if (is_whole && !was_cut && connection[0] == "keep-alive")
    require(!is_closed, "a promise that was not kept", output);
  if (connection[0] == "close")
    require(is_closed, "the connection stays although it was to close", output);
}

}  // namespace

void write_seeds(const std::string& folder) {
  const std::string steps[] = {
      std::string("\0\5\6\3abc\6\3def", 11),
      std::string("\0\3\5\5\6\5hello", 10),
      std::string("\1\1\4Vary\1*\5", 9),
      std::string("\2\0\x22\2No\5\6\3abc\7", 11),
      std::string("\0\1\6Link-A\3b\r\nc\4\5\6\1x", 18),
  };
  std::size_t number = 0;
  for (const std::string& seed : steps) {
    std::ofstream(folder + "/steps_" + std::to_string(number++), std::ios::binary) << seed;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Script script(data, size);
  const unsigned kind = script.number(3);
  const char* const requests[] = {"GET / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n",
                                  "GET / HTTP/1.0\r\n\r\n"};
  Terms terms;
  bool was_cut = false;
  terms.application = [&](Exchange& exchange, const std::string&) {
    was_cut = play(script, exchange);
  };
  Driver driver(terms);
  driver.feed(requests[kind]);
  check(driver.output, kind == 1, driver.closed, kind == 2, was_cut);
  return 0;
}
