// SPDX-License-Identifier: MIT
#include "core/log/access_json.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/ascii.h"
#include "core/base/log_ring.h"
#include "core/log/access_atoms.h"
#include "core/log/json_text.h"

namespace winghorn::log {
namespace {

// How much of a request's own words a line holds: of each text, and of each block of header fields.
struct Room {
  std::size_t text;
  std::size_t fields;
};
// The first with which the line fits is used; with the last it does whatever the words are.
constexpr std::array<Room, 3> kRooms = {Room{6144, 6144}, Room{1024, 1024}, Room{256, 0}};

int pid_of(const AccessRecord& record) { return record.pid == 0 ? ::getpid() : record.pid; }

Json stamped(const AccessRecord& record) {
  Json object;
  object["time"] = rfc3339(std::chrono::system_clock::now());
  object["pid"] = pid_of(record);
  return object;
}

Bytes header(const AccessRecord& record, Bytes name) {
  return record.fields == nullptr ? Bytes() : record.fields->request_header(name);
}

std::string from_latin1(Bytes text) {
  std::string utf8;
  utf8.reserve(text.size());
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x80) {
      utf8 += letter;
    } else {
      utf8 += static_cast<char>(0xc0U | byte >> 6U);
      utf8 += static_cast<char>(0x80U | (byte & 0x3fU));
    }
  }
  return utf8;
}

// Pairs; without those for which there is no more room.
class FieldList {
 public:
  explicit FieldList(std::size_t room) : left_(room) {}

  void add(Bytes name, Bytes value) {
    const std::size_t size = name.size() + value.size();
    if (size > left_) return;
    left_ -= size;
    list_.push_back({from_latin1(name), from_latin1(value)});
  }
  Json take() { return std::move(list_); }

 private:
  std::size_t left_;
  Json list_ = Json::array();
};

Json for_readers(const AccessRecord& record, Room room) {
  Json object = stamped(record);
  const auto set = [&](const char* name, Bytes text) {
    if (text.data() != nullptr) object[name] = text.substr(0, room.text);
  };
  std::string user;
  std::string path;
  set("peer", record.peer);
  set("user", basic_auth_user(header(record, "authorization"), user));
  set("method", record.method);
  set("target", record.target);
  set("path", percent_decoded(record.path, path));
  set("query", record.query);
  set("protocol", record.version);
  set("host", header(record, "host"));
  object["status"] = record.status == 0 ? Json() : Json(record.status);
  object["bytes"] = record.body_bytes;
  object["seconds"] = seconds_of(record.took);
  if (record.queued) object["queued_seconds"] = seconds_of(*record.queued);
  set("referer", header(record, "referer"));
  set("user_agent", header(record, "user-agent"));
  return object;
}

Json whole(const AccessRecord& record, Room room) {
  Json object = stamped(record);
  const auto set = [&](const char* name, Bytes text) {
    object[name] = from_latin1(text.substr(0, room.text));
  };
  std::string path;
  set("peer", record.peer);
  set("method", record.method);
  set("target", record.target);
  set("path", percent_decoded(record.path, path));
  set("query", record.query);
  set("protocol", record.version);
  object["status"] = record.status;
  object["bytes"] = record.body_bytes;
  object["micros"] = record.took.count() / 1000;
  FieldList asked(room.fields);
  FieldList answered(room.fields);
  if (record.fields != nullptr) {
    record.fields->each_request_header([&](Bytes name, Bytes value) { asked.add(name, value); });
    record.fields->each_reply_header([&](Bytes name, Bytes value) { answered.add(name, value); });
  }
  object["request_headers"] = asked.take();
  object["reply_headers"] = answered.take();
  return object;
}

template <class Make>
void append_fitting(std::string& out, const AccessRecord& record, Make make) {
  std::string line;
  for (const Room room : kRooms) {
    line = line_of(make(record, room));
    if (line.size() <= LogRing::kLongestRecord) break;
  }
  out += line;
}

}  // namespace

void append_access_json(const AccessRecord& record, std::string& out) {
  append_fitting(out, record, for_readers);
}

void append_wrapped_line(const AccessRecord& record, const std::string& line, std::string& out) {
  Json object = stamped(record);
  object["message"] = line;
  std::string made = line_of(object);
  if (made.size() > LogRing::kLongestRecord) {
    constexpr std::size_t kShort = LogRing::kLongestRecord / 8;
    object["message"] = line.substr(0, kShort) + "...";
    made = line_of(object);
  }
  out += made;
}

void append_whole_access_json(const AccessRecord& record, std::string& out) {
  append_fitting(out, record, whole);
}

}  // namespace winghorn::log
