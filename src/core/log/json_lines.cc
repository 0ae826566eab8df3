// SPDX-License-Identifier: MIT
#include "core/log/json_lines.h"

#include <array>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/log/json_text.h"

namespace winghorn::log {
namespace {

constexpr std::array<std::string_view, 5> kLevels = {"debug", "info", "warning", "error",
                                                     "critical"};
constexpr std::string_view kCutMark = "...";
constexpr std::size_t kMostParts = 999'999;  // its digits are what counts

Json stamped(const Origin& origin) {
  Json object;
  object["time"] = rfc3339(origin.when);
  object["level"] = kLevels[static_cast<std::size_t>(origin.level)];
  object["pid"] = origin.pid;
  if (!origin.stream.empty()) object["stream"] = origin.stream;
  return object;
}

Json stamped(const Origin& origin, std::size_t part, std::size_t parts) {
  Json object = stamped(origin);
  if (parts == 1) return object;
  object["record"] = origin.number;
  object["part"] = part;
  object["parts"] = parts;
  return object;
}

// What is left of a line for the text of the one field that is still empty in it.
std::size_t room_in(const Json& object, std::size_t longest) {
  const std::size_t taken = line_of(object).size();
  return longest > taken ? longest - taken : 0;
}

// ---- texts, and what they take up in a line ----

// At most; what belongs together in UTF-8 or is no UTF-8 at all takes less than the sum.
std::size_t cost_of(char byte) {
  constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
  if (kShort.find(byte) != std::string_view::npos) return 2;
  return byte >= ' ' && byte <= '~' ? 1 : 6;
}

bool continues_a_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80; }

// How much of the text's beginning fits, cut between characters.
std::size_t fitting(Bytes text, std::size_t room) {
  std::size_t size = 0;
  for (std::size_t spent = 0; size < text.size(); ++size) {
    spent += cost_of(text[size]);
    if (spent > room) break;
  }
  if (size == text.size()) return size;
  std::size_t end = size;
  while (end > 0 && size - end < 4 && continues_a_character(text[end])) --end;
  return continues_a_character(text[end]) ? size : end;
}

std::string shortened(Bytes text, std::size_t room) {
  if (fitting(text, room) == text.size()) return std::string(text);
  const std::size_t left = room > kCutMark.size() ? room - kCutMark.size() : 0;
  return std::string(text.substr(0, fitting(text, left))).append(kCutMark);
}

// Pieces end with a line where they can.
Bytes take_piece(Bytes& text, std::size_t room) {
  std::size_t size = fitting(text, room);
  if (size < text.size()) {
    const std::size_t end = text.substr(0, size).rfind('\n');
    if (end != Bytes::npos) size = end + 1;
  }
  const Bytes piece = text.substr(0, size);
  text.remove_prefix(size);
  return piece;
}

// ---- stacks ----

std::vector<Bytes> lines_in(Bytes text) {
  std::vector<Bytes> lines;
  while (!text.empty()) {
    const Bytes line = text.substr(0, text.find('\n'));
    if (!line.empty()) lines.push_back(line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return lines;
}

// Lists for one line of the log each; into the first fits less than into the others.
std::vector<Json> divided(Bytes stacks, std::size_t room_in_first, std::size_t room_in_others) {
  constexpr std::size_t kAround = 3;  // quotes and a comma
  std::vector<Json> lists(1, Json::array());
  std::size_t left = room_in_first;
  for (const Bytes line : lines_in(stacks)) {
    std::size_t cost = kAround;
    for (const char byte : line) cost += cost_of(byte);
    if (cost > left && (lists.size() == 1 || !lists.back().empty())) {
      lists.push_back(Json::array());
      left = room_in_others;
    }
    lists.back().push_back(shortened(line, left - kAround));
    left -= std::min(left, cost);
  }
  return lists;
}

// `first`: the fields of the first line; `others`: those that each further one repeats.
std::string with_stacks(const Origin& origin, const Json& first, const Json& others, Bytes stacks,
                        std::size_t longest) {
  const auto room_beside = [&](const Json& fields) {
    Json line = stamped(origin, kMostParts, kMostParts + 1);
    line.update(fields);
    line["stacks"] = Json::array();
    return room_in(line, longest);
  };
  std::vector<Json> lists = divided(stacks, room_beside(first), room_beside(others));
  std::string lines;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    Json line = stamped(origin, i + 1, lists.size());
    line.update(i == 0 ? first : others);
    if (!lists[i].empty()) line["stacks"] = std::move(lists[i]);
    lines += line_of(line);
  }
  return lines;
}

// ---- incidents ----

Json fields_of(const Incident& incident, std::size_t longest) {
  const std::size_t most = longest / 16;
  Json fields;
  fields["message"] = title_of(incident.kind);
  fields["incident"] = name_of(incident.kind);
  fields["request"] = incident.request;
  fields["method"] = shortened(incident.method, most);
  fields["target"] = shortened(incident.target, longest / 2);
  if (!incident.peer.empty()) fields["peer"] = shortened(incident.peer, most);
  fields["phase"] = incident.phase;
  fields["age_seconds"] = seconds_of(incident.age);
  if (incident.queued) fields["queued_seconds"] = seconds_of(*incident.queued);
  if (incident.bytes_in) fields["bytes_in"] = *incident.bytes_in;
  if (incident.bytes_out) fields["bytes_out"] = *incident.bytes_out;
  if (incident.cpu) fields["cpu_seconds"] = seconds_of(*incident.cpu);
  if (incident.slot) fields["slot"] = *incident.slot;
  if (incident.thread != 0) fields["thread"] = thread_name(incident.thread);
  if (!incident.waits_in.empty()) fields["waits_in"] = incident.waits_in;
  if (!incident.action.empty()) fields["action"] = shortened(incident.action, most);
  return fields;
}

}  // namespace

std::string json_lines(const Origin& origin, std::string_view message, std::size_t longest) {
  Json whole = stamped(origin);
  whole["message"] = message;
  std::string lines = line_of(whole);
  if (lines.size() <= longest) return lines;
  lines.clear();
  Json empty = stamped(origin, kMostParts, kMostParts + 1);
  empty["message"] = "";
  const std::size_t room = room_in(empty, longest);
  std::vector<Bytes> pieces;
  while (!message.empty()) pieces.push_back(take_piece(message, room));
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    Json line = stamped(origin, i + 1, pieces.size());
    line["message"] = pieces[i];
    lines += line_of(line);
  }
  return lines;
}

std::string json_lines(const Origin& origin, const Incident& incident, std::size_t longest) {
  Json others;
  others["message"] = title_of(incident.kind);
  others["incident"] = name_of(incident.kind);
  others["request"] = incident.request;
  return with_stacks(origin, fields_of(incident, longest), others, incident.stacks, longest);
}

std::string json_lines(const Origin& origin, const StackRecord& stacks, std::size_t longest) {
  Json fields;
  fields["message"] = shortened(stacks.message, longest / 2);
  fields["incident"] = name_of(stacks.kind);
  return with_stacks(origin, fields, fields, stacks.stacks, longest);
}

}  // namespace winghorn::log
