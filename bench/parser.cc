// parser.cc: how long it takes to read a request head, beside llhttp.
//
// Both read the same bytes again and again, in turns of some milliseconds; what counts is the median of the
// turns. Ours is what a session does for a head that arrives alone: copying it to where it stays, and reading
// it with all that a server must know of it (framing, Connection, Expect, Host, limits). llhttp's is its
// strict default on a kept-alive connection, with callbacks that keep each span of target, names and values
// in an array, as any server has to; what the bytes mean beyond framing it leaves to others.
//
//   parser [TURNS]         prints one line for each head: name, bytes, ns of ours, ns of llhttp
//   parser HEAD WHO TIMES  only reads, for a tool that counts instructions
//
// SPDX-License-Identifier: MIT

#include <llhttp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/head.h"
#include "core/http/header_policy.h"
#include "core/http/limits.h"
#include "core/http1/request_parser.h"
#include "heads.h"

namespace {

using Clock = std::chrono::steady_clock;

class Ours {
 public:
  Ours() {
    limits_.request_line_bytes = 4094;
    limits_.header_fields = 100;
    limits_.header_field_bytes = 8190;
  }

  // Fields read; -1: it was refused.
  long read(std::string_view request) {
    winghorn::RequestTraits traits;
    const winghorn::http1::ParseRules rules{limits_, strictness_, policy_};
    if (!winghorn::http1::may_be_lone_head(request, rules)) return -1;
    winghorn::http1::keep_head(request, bytes_);
    head_.clear();
    if (winghorn::http1::parse_request_head(bytes_, rules, false, head_, traits)) return -1;
    return static_cast<long>(head_.fields.size());
  }

 private:
  winghorn::Limits limits_;
  winghorn::Strictness strictness_;
  winghorn::HeaderPolicy policy_;
  winghorn::RequestHead head_;
  std::string bytes_;
};

class Theirs {
 public:
  Theirs() {
    llhttp_settings_init(&settings_);
    settings_.on_url = [](llhttp_t* parser, const char* at, std::size_t size) {
      self(parser).target_ = {at, size};
      return 0;
    };
    settings_.on_header_field = [](llhttp_t* parser, const char* at, std::size_t size) {
      self(parser).fields_.push_back({{at, size}, {}});
      return 0;
    };
    settings_.on_header_value = [](llhttp_t* parser, const char* at, std::size_t size) {
      self(parser).fields_.back().value = {at, size};
      return 0;
    };
    settings_.on_message_complete = [](llhttp_t* parser) {
      ++self(parser).messages_;
      return 0;
    };
    llhttp_init(&parser_, HTTP_REQUEST, &settings_);
    parser_.data = this;
  }

  long read(std::string_view request) {
    fields_.clear();
    const long before = messages_;
    if (llhttp_execute(&parser_, request.data(), request.size()) != HPE_OK) return -1;
    return messages_ == before + 1 ? static_cast<long>(fields_.size()) : -1;
  }

 private:
  static Theirs& self(llhttp_t* parser) { return *static_cast<Theirs*>(parser->data); }

  llhttp_t parser_{};
  llhttp_settings_t settings_{};
  std::string_view target_;
  std::vector<winghorn::Field> fields_;
  long messages_ = 0;
};

// Fields read in all, so that no compiler can leave the work out.
template <class Parser>
long read_many(Parser& parser, std::string_view request, long times) {
  long fields = 0;
  for (long i = 0; i < times; ++i) fields += parser.read(request);
  return fields;
}

template <class Parser>
double turn(Parser& parser, std::string_view request, long expected) {
  constexpr long kTimes = 10'000;
  const auto begun = Clock::now();
  const long fields = read_many(parser, request, kTimes);
  const std::chrono::duration<double, std::nano> taken = Clock::now() - begun;
  if (fields != expected * kTimes) {
    std::fprintf(stderr, "parser: a head was not read: %ld fields\n", fields);
    std::exit(1);
  }
  return taken.count() / kTimes;
}

double median(std::vector<double>& values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Head {
  std::string_view name;
  std::string_view bytes;
  long fields;
};

constexpr Head kHeads[] = {{"small", winghorn::bench::kSmall, 1},
                           {"browser", winghorn::bench::kBrowser, 18}};

void compare(const Head& head, int turns) {
  Ours ours;
  Theirs theirs;
  std::vector<double> our_times;
  std::vector<double> their_times;
  for (int i = 0; i < turns; ++i) {
    our_times.push_back(turn(ours, head.bytes, head.fields));
    their_times.push_back(turn(theirs, head.bytes, head.fields));
  }
  std::printf("%.*s %zu %.1f %.1f\n", static_cast<int>(head.name.size()), head.name.data(),
              head.bytes.size(), median(our_times), median(their_times));
}

int only_read(std::string_view name, std::string_view who, long times) {
  for (const Head& head : kHeads) {
    if (head.name != name) continue;
    Ours ours;
    Theirs theirs;
    const long fields =
        who == "llhttp" ? read_many(theirs, head.bytes, times) : read_many(ours, head.bytes, times);
    return fields == head.fields * times ? 0 : 1;
  }
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4) return only_read(argv[1], argv[2], std::strtol(argv[3], nullptr, 10));
  const int turns = argc == 2 ? std::atoi(argv[1]) : 101;
  if (turns < 1) {
    std::fputs("usage: parser [TURNS] | parser small|browser winghorn|llhttp TIMES\n", stderr);
    return 2;
  }
  for (const Head& head : kHeads) compare(head, turns);
  return 0;
}
