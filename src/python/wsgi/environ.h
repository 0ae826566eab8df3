// environ.h: makes the environ of a request (PEP 3333, with gunicorn's keys).
//
// One for each slot thread. A template with every key that all requests have is copied, so the copy
// has its final size and most of its values at once; what varies is put over it, from caches where
// the bytes were seen before. A gateway's variables come last and replace what is there. The environ itself
// is never used again: it belongs to the application.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/http/exchange.h"
#include "python/gil/ref.h"
#include "python/wsgi/header_table.h"
#include "python/wsgi/text_cache.h"

namespace winghorn::wsgi {

struct WsgiConfig;

struct MadeEnviron {
  gil::Ref dict;        // empty: refused, or a Python error is set
  std::string refusal;  // why the request cannot be given to the application
};

class EnvironMaker {
 public:
  // What a request has that is not in its head; borrowed.
  struct Objects {
    PyObject* errors;
    PyObject* empty_input;
    PyObject* early_hints;
    PyObject* client_socket;
    PyObject* deadline;
    PyObject* client_disconnected;
  };

  EnvironMaker(const gil::Gil& gil, const WsgiConfig& config, const Objects& objects);

  bool ready() const { return static_cast<bool>(template_); }  // false: a Python error is set
  // Later environs get another object under this key.
  bool replace(const gil::Gil& gil, PyObject* key, PyObject* value);

  // `input` may be null for the empty one.
  MadeEnviron make(const gil::Gil& gil, const Exchange& exchange, PyObject* input);

 private:
  // What varies; its value in the template is that of the first request, and mostly still right.
  enum Varying : std::uint8_t {
    Method,
    RawUri,
    Query,
    Protocol,
    RemoteAddr,
    RemotePort,
    ServerName,
    ServerPort,
    ScriptName,
    PathInfo,
    Scheme,
    kVaryingCount
  };
  // What header fields say beyond HTTP_*.
  struct FieldNotes {
    Bytes script_name;
    Bytes host;
    HeaderTable::Entry* before = nullptr;  // of the field before this one
    bool underscores = false;              // two names may have given one key
  };

  bool fill_template(const gil::Gil& gil, const WsgiConfig& config, const Objects& objects);
  bool put(const gil::Gil& gil, PyObject* environ, Varying what, gil::Ref value);
  // The same for a text of the wire, without looking for it when it is the usual one.
  template <class Cache>
  bool put_text(const gil::Gil& gil, PyObject* environ, Varying what, Bytes text, Cache& cache) {
    if (usual_[what] && is_text_of(usual_[what].get(), text)) return true;
    return put(gil, environ, what, cache.get(gil, text));
  }
  bool put_request_line(const gil::Gil& gil, PyObject* environ, const RequestHead& head);
  bool put_ends(const gil::Gil& gil, PyObject* environ, const Exchange& exchange,
                const FieldNotes& notes);
  [[gnu::cold]] bool put_proxied(const gil::Gil& gil, PyObject* environ, const ProxiedEnds& ends);
  bool put_client(const gil::Gil& gil, PyObject* environ, const Client& client);
  bool put_unix_ends(const gil::Gil& gil, PyObject* environ, const Exchange& exchange, Bytes host);
  bool put_field(const gil::Gil& gil, PyObject* environ, const Field& field, FieldNotes& notes);
  bool put_unusual_field(const gil::Gil& gil, PyObject* environ, const Field& field,
                         FieldNotes& notes);
  bool put_path(const gil::Gil& gil, PyObject* environ, const RequestHead& head,
                const FieldNotes& notes, std::string& refusal);
  bool put_variable(const gil::Gil& gil, PyObject* environ, const Field& variable);
  // Apart, so that requests without a gateway pay nothing for it.
  [[gnu::noinline]] bool put_gateway_words(const gil::Gil& gil, PyObject* environ,
                                           const RequestHead& head, FieldNotes& notes,
                                           std::string& refusal);

  const std::string script_name_;
  gil::Ref template_;
  std::array<PyObject*, kVaryingCount> keys_{};
  std::array<gil::Ref, kVaryingCount> usual_;  // the template's values
  std::uint64_t request_ = 0;
  HeaderTable headers_;
  TextCache<16> methods_;
  TextCache<16> words_;     // protocol, scheme, server's name and port, script name
  TextCache<256> targets_;  // targets, paths, queries
  TextCache<256> addresses_;
  TextCache<1024> ports_;
  TextCache<64> variables_;  // their names
};

}  // namespace winghorn::wsgi
