// SPDX-License-Identifier: MIT
#include "python/wsgi/header_table.h"

#include <cstring>
#include <string>

#include "core/http/grammar.h"
#include "python/gil/names.h"
#include "python/wsgi/text_cache.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::Ref;

constexpr const char* kCommonNames[] = {
    "Host",
    "User-Agent",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Accept-Charset",
    "Connection",
    "Cache-Control",
    "Pragma",
    "Cookie",
    "Referer",
    "Origin",
    "Content-Type",
    "Content-Length",
    "Content-Encoding",
    "Content-Language",
    "Transfer-Encoding",
    "Expect",
    "Authorization",
    "Proxy-Authorization",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
    "Range",
    "Date",
    "DNT",
    "TE",
    "Trailer",
    "Upgrade",
    "Upgrade-Insecure-Requests",
    "Priority",
    "Sec-Fetch-Dest",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Site",
    "Sec-Fetch-User",
    "Sec-CH-UA",
    "Sec-CH-UA-Mobile",
    "Sec-CH-UA-Platform",
    "Sec-GPC",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
    "Keep-Alive",
    "Via",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-Real-IP",
    "X-Request-ID",
    "X-Correlation-ID",
    "X-Requested-With",
    "X-CSRFToken",
    "X-CSRF-Token",
    "X-Amzn-Trace-Id",
    "Traceparent",
    "Tracestate",
    "Access-Control-Request-Method",
    "Access-Control-Request-Headers",
};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// The same for all spellings; names that differ may share it.
std::uint64_t name_hash(Bytes name) {
  constexpr std::uint64_t kLowerCaseBits = 0x2020202020202020ULL;
  std::uint64_t state = name.size();
  while (name.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, name.data(), sizeof word);
    state = mix(state, word | kLowerCaseBits);
    name.remove_prefix(sizeof word);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, name.data(), name.size());
  return mix(state, rest | kLowerCaseBits);
}

}  // namespace

Ref make_environ_key(const Gil&, Bytes name) {
  if (equals_lower(name, "content-type")) return Ref::share(gil::names().content_type);
  if (equals_lower(name, "content-length")) return Ref::share(gil::names().content_length);
  std::string key = "HTTP_";
  for (const char c : name) key.push_back(c == '-' ? '_' : upper(c));
  PyObject* made = PyUnicode_DecodeLatin1(key.data(), static_cast<Py_ssize_t>(key.size()), nullptr);
  if (made != nullptr) PyUnicode_InternInPlace(&made);
  return Ref::steal(made);
}

HeaderTable::HeaderTable(const Gil& gil) {
  entries_.reserve(kMostEntries);
  for (const char* name : kCommonNames) {
    if (search(gil, name) == nullptr)
      PyErr_Clear();  // out of memory: found missing when it is needed
  }
}

HeaderTable::Entry* HeaderTable::search(const Gil& gil, Bytes name) {
  const std::uint64_t hash = name_hash(name);
  std::size_t place = hash & (kPlaces - 1);
  for (; places_[place] != 0; place = (place + 1) & (kPlaces - 1)) {
    Entry& entry = entries_[places_[place] - 1U];
    if (entry.hash != hash) continue;
    if (entry.spelling() == name) return &entry;
    if (equals_ignoring_case(entry.spelling(), name)) {
      std::memcpy(entry.name.data(), name.data(), name.size());
      return &entry;
    }
  }
  return add(gil, name, hash, place);
}

HeaderTable::Entry* HeaderTable::add(const Gil& gil, Bytes name, std::uint64_t hash,
                                     std::size_t place) {
  Entry entry;
  if (entries_.size() == kMostEntries || name.size() > entry.name.size()) return nullptr;
  entry.key = make_environ_key(gil, name);
  if (!entry.key) return nullptr;
  entry.hash = hash;
  entry.has_underscore = name.find('_') != Bytes::npos;
  entry.name_size = static_cast<std::uint8_t>(name.size());
  std::memcpy(entry.name.data(), name.data(), name.size());
  entries_.push_back(std::move(entry));
  places_[place] = static_cast<std::uint16_t>(entries_.size());
  return &entries_.back();
}

Ref HeaderTable::value_of(const Gil& gil, Entry& entry, Bytes value) {
  if (entry.value && is_text_of(entry.value.get(), value)) return Ref::share(entry.value.get());
  Ref made = make_text(gil, value);
  if (made && value.size() <= kLongestKept) entry.value = Ref::share(made.get());
  return made;
}

}  // namespace winghorn::wsgi
