// SPDX-License-Identifier: MIT
//
// json_lines_fuzz: whatever is said, the log gets lines that are JSON objects, and no longer than they may be.
//
// Input: a length to stay within, then texts apart by NUL. Invariants: every line is printable ASCII, parses,
// and fits; parts are numbered; a message that is UTF-8 comes out of its parts as it went in.
//
// WINGHORN_SEEDS_TO=DIR fuzz_json_lines_fuzz writes the seeds there and exits.
#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/log/json_lines.h"
#include "require.h"
#include "seeds.h"

namespace {

using namespace winghorn;
using namespace winghorn::log;
using nlohmann::json;

std::vector<json> parsed(Bytes lines, std::size_t longest) {
  std::vector<json> objects;
  require(lines.ends_with('\n'), "no end of a line");
  while (!lines.empty()) {
    const Bytes line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(line.size() + 1);
    require(line.size() < longest, "a line that is too long");
    require(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }),
            "a byte that is not printable");
    objects.push_back(json::parse(line, nullptr, false));
    require(objects.back().is_object() && objects.back().contains("message"), "no record");
  }
  for (std::size_t i = 0; i < objects.size(); ++i) {
    require(objects[i].value("part", 1U) == i + 1, "a part that is not numbered");
    require(objects[i].value("parts", 1U) == objects.size(), "parts that are not counted");
  }
  return objects;
}

bool is_utf8(Bytes text) {
  try {
    return !json(text).dump().empty();
  } catch (const json::type_error&) {
    return false;
  }
}

void hold_message(const Origin& origin, Bytes message, std::size_t longest) {
  std::string whole;
  for (const json& part : parsed(json_lines(origin, message, longest), longest)) {
    whole += part["message"].get<std::string>();
  }
  require(!is_utf8(message) || whole == message, "a message that is not whole");
}

void hold_incident(const Origin& origin, Bytes texts, std::size_t longest) {
  Incident incident;
  for (std::string* text : {&incident.method, &incident.target, &incident.peer, &incident.action}) {
    *text = texts.substr(0, texts.find('\0'));
    texts.remove_prefix(std::min(texts.size(), text->size() + 1));
  }
  incident.phase = "running";
  incident.stacks = texts;
  parsed(json_lines(origin, incident, longest), longest);
  parsed(json_lines(origin, StackRecord{incident.kind, incident.target, incident.stacks}, longest),
         longest);
}

}  // namespace

void write_seeds(const std::string& folder) {
  using namespace std::string_view_literals;
  constexpr std::array kTexts = {
      "\0\0GET\0/a?b=\xff\"\\\x1b\0::1\0answered 504\0Thread 0x1\n  File \"a.py\", line 1 in f\n"sv,
      "\x10\0caf\xc3\xa9 \xf0\x9f\x90\xa6 \xed\xa0\x80 \xc3"sv,
  };
  for (std::size_t i = 0; i < kTexts.size(); ++i) {
    std::ofstream(folder + "/json_" + std::to_string(i), std::ios::binary) << kTexts[i];
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // Texts of a few kilobytes go over a line's length: the input is said several times.
  const std::size_t longest = kShortestJsonLine + data[0] * 16U;
  const Bytes given(reinterpret_cast<const char*>(data + 2), size - 2);
  std::string text;
  for (unsigned times = 0; times <= data[1] % 32U; ++times) text += given;
  const Origin origin{Level::Error, {}, 71, 12};
  hold_message(origin, text, longest);
  hold_incident(origin, text, longest);
  return 0;
}
