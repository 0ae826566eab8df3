// SPDX-License-Identifier: MIT
#include "python/wsgi/environ.h"

#include <fmt/format.h>

#include <utility>

#include "core/base/ascii.h"
#include "core/http/grammar.h"
#include "python/gil/compat.h"
#include "python/gil/names.h"
#include "python/wsgi/application.h"
#include "python/wsgi/file_wrapper.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::names;
using gil::Ref;

// A dictionary grows in powers of two and a copy keeps the original's room: with 22 keys or more
// the template has 64 places, enough for a browser's headers without growing.
constexpr Py_ssize_t kTemplateKeys = 22;

bool set(PyObject* dict, PyObject* key, const Ref& value) {
  return value && PyDict_SetItem(dict, key, value.get()) == 0;
}

Ref queue_time(const Gil&, const Exchange& exchange) {
  // It has been begun, mostly: no need to look at the clock for one that has not.
  const std::chrono::duration<double> seconds = exchange.queue_time(exchange.notes.ready);
  return Ref::steal(PyFloat_FromDouble(seconds.count()));
}

// Puts `value` behind what is there already: fields of one name are one list (RFC 9110 5.3).
bool join(const Gil& gil, PyObject* environ, PyObject* key, PyObject* value) {
  const Ref before = gil::find_item(gil, environ, key);
  if (!before) return !PyErr_Occurred() && PyDict_SetItem(environ, key, value) == 0;
  return set(environ, key, Ref::steal(PyUnicode_FromFormat("%U,%U", before.get(), value)));
}

}  // namespace

EnvironMaker::EnvironMaker(const Gil& gil, const WsgiConfig& config, const Objects& objects)
    : script_name_(config.script_name), headers_(gil) {
  const gil::Names& n = names();
  keys_ = {n.request_method, n.raw_uri,     n.query_string,   n.server_protocol,
           n.remote_addr,    n.remote_port, n.server_name,    n.server_port,
           n.script_name,    n.path_info,   n.wsgi_url_scheme};
  template_ = Ref::steal(PyDict_New());
  if (template_ && !fill_template(gil, config, objects)) template_.reset();
}

bool EnvironMaker::fill_template(const Gil& gil, const WsgiConfig& config, const Objects& objects) {
  const gil::Names& n = names();
  PyObject* const dict = template_.get();
  const auto truth = [](bool value) { return Ref::share(value ? Py_True : Py_False); };
  if (!set(dict, n.wsgi_version, Ref::steal(Py_BuildValue("(ii)", 1, 0)))) return false;
  if (!set(dict, n.wsgi_input, Ref::share(objects.empty_input))) return false;
  if (!set(dict, n.wsgi_input_terminated, truth(true))) return false;
  if (!set(dict, n.wsgi_errors, Ref::share(objects.errors))) return false;
  if (!set(dict, n.wsgi_multithread, truth(config.multithread))) return false;
  if (!set(dict, n.wsgi_multiprocess, truth(config.multiprocess))) return false;
  if (!set(dict, n.wsgi_run_once, truth(false))) return false;
  if (!set(dict, n.wsgi_file_wrapper, Ref::share(file_wrapper_type()))) return false;
  if (!set(dict, n.wsgi_early_hints, Ref::share(objects.early_hints))) return false;
  if (!set(dict, n.gunicorn_socket, Ref::share(objects.client_socket))) return false;
  if (!set(dict, n.deadline, Ref::share(objects.deadline))) return false;
  if (!set(dict, n.client_disconnected, Ref::share(objects.client_disconnected))) return false;
  if (!set(dict, n.queue_time, Ref::steal(PyFloat_FromDouble(0)))) return false;
  if (!set(dict, n.server_software, make_text(gil, config.server_software))) return false;
  for (PyObject* key : keys_) {
    if (PyDict_SetItem(dict, key, n.empty) < 0) return false;
  }
  return PyDict_GET_SIZE(dict) >= kTemplateKeys;
}

bool EnvironMaker::replace(const Gil&, PyObject* key, PyObject* value) {
  return PyDict_SetItem(template_.get(), key, value) == 0;
}

MadeEnviron EnvironMaker::make(const Gil& gil, const Exchange& exchange, PyObject* input) {
  MadeEnviron made;
  Ref environ = Ref::steal(PyDict_Copy(template_.get()));
  if (!environ) return made;
  PyObject* const dict = environ.get();
  const RequestHead& head = exchange.head;
  FieldNotes notes;
  notes.before = &headers_.start();
  ++request_;
  for (const Field& field : head.fields) {
    if (!put_field(gil, dict, field, notes)) return made;
  }
  if (!put_request_line(gil, dict, head) || !put_ends(gil, dict, exchange, notes)) return made;
  if (!set(dict, names().queue_time, queue_time(gil, exchange))) return made;
  if (input != nullptr && PyDict_SetItem(dict, names().wsgi_input, input) < 0) return made;
  const bool good = head.variables.empty()
                        ? put_path(gil, dict, head, notes, made.refusal)
                        : put_gateway_words(gil, dict, head, notes, made.refusal);
  if (good) made.dict = std::move(environ);
  return made;
}

bool EnvironMaker::put(const Gil&, PyObject* environ, Varying what, Ref value) {
  if (!value) return false;
  Ref& usual = usual_[what];
  if (usual.get() == value.get()) return true;
  if (!usual) {
    // The first request: what it has becomes the rule, and its environ the exception no more than
    // others.
    if (PyDict_SetItem(template_.get(), keys_[what], value.get()) < 0) return false;
    usual = Ref::share(value.get());
  }
  return PyDict_SetItem(environ, keys_[what], value.get()) == 0;
}

bool EnvironMaker::put_request_line(const Gil& gil, PyObject* environ, const RequestHead& head) {
  return put_text(gil, environ, Method, head.method, methods_) &&
         put_text(gil, environ, RawUri, head.target, targets_) &&
         put_text(gil, environ, Query, head.query, targets_) &&
         put_text(gil, environ, Protocol, head.version, words_) &&
         put_text(gil, environ, Scheme, head.scheme, words_);
}

bool EnvironMaker::put_ends(const Gil& gil, PyObject* environ, const Exchange& exchange,
                            const FieldNotes& notes) {
  const ConnectionInfo& connection = exchange.connection();
  if (!put_client(gil, environ, exchange.client())) return false;
  if (connection.proxied && !put_proxied(gil, environ, *connection.proxied)) return false;
  if (connection.is_unix) return put_unix_ends(gil, environ, exchange, notes.host);
  return put_text(gil, environ, ServerName, connection.local_address, words_) &&
         put_text(gil, environ, ServerPort, connection.local_port, words_);
}

bool EnvironMaker::put_client(const Gil& gil, PyObject* environ, const Client& client) {
  if (!put_text(gil, environ, RemoteAddr, client.address, addresses_)) return false;
  if (client.port.empty()) return PyDict_DelItem(environ, names().remote_port) == 0;
  return put_text(gil, environ, RemotePort, client.port, ports_);
}

bool EnvironMaker::put_proxied(const Gil& gil, PyObject* environ, const ProxiedEnds& ends) {
  return put_variable(gil, environ, {"PROXY_PROTOCOL", ends.protocol}) &&
         put_variable(gil, environ, {"PROXY_ADDR", ends.proxy_address}) &&
         put_variable(gil, environ, {"PROXY_PORT", ends.proxy_port});
}

// A unix socket has no names of its own: the client's idea of ours is taken, as gunicorn does.
bool EnvironMaker::put_unix_ends(const Gil& gil, PyObject* environ, const Exchange& exchange,
                                 Bytes host) {
  Bytes name = exchange.connection().local_address;
  Bytes port;
  if (host.data() != nullptr) {
    const std::size_t colon = host.find(':');
    name = host.substr(0, colon);
    port = exchange.head.scheme == "https" ? "443" : "80";
    if (colon != Bytes::npos && colon + 1 < host.size()) port = host.substr(colon + 1);
  }
  return put_text(gil, environ, ServerName, name, words_) &&
         put_text(gil, environ, ServerPort, port, words_);
}

bool EnvironMaker::put_field(const Gil& gil, PyObject* environ, const Field& field,
                             FieldNotes& notes) {
  HeaderTable::Entry* const entry = headers_.find(gil, field.name, *notes.before);
  if (equals_lower(field.name, "host")) notes.host = field.value;
  if (entry != nullptr) notes.before = entry;
  if (entry == nullptr || notes.underscores || entry->has_underscore) {
    return !PyErr_Occurred() && put_unusual_field(gil, environ, field, notes);
  }
  const Ref value = HeaderTable::value_of(gil, *entry, field.value);
  if (!value) return false;
  if (entry->last_request == request_) return join(gil, environ, entry->key.get(), value.get());
  entry->last_request = request_;
  return PyDict_SetItem(environ, entry->key.get(), value.get()) == 0;
}

// A name that has no place in the table, or one with '_', whose key may be another name's too.
bool EnvironMaker::put_unusual_field(const Gil& gil, PyObject* environ, const Field& field,
                                     FieldNotes& notes) {
  if (field.name.find('_') != Bytes::npos) notes.underscores = true;
  if (equals_lower(field.name, "script_name")) notes.script_name = field.value;
  const Ref key = make_environ_key(gil, field.name);
  const Ref value = make_text(gil, field.value);
  return key && value && join(gil, environ, key.get(), value.get());
}

// The path and what a gateway says besides. One that names SCRIPT_NAME has taken it off the path itself.
bool EnvironMaker::put_gateway_words(const Gil& gil, PyObject* environ, const RequestHead& head,
                                     FieldNotes& notes, std::string& refusal) {
  for (const Field& variable : head.variables) {
    if (variable.name == "SCRIPT_NAME") notes.script_name = "";
  }
  if (!put_path(gil, environ, head, notes, refusal)) return false;
  for (const Field& variable : head.variables) {
    if (!put_variable(gil, environ, variable)) return false;
  }
  return true;
}

bool EnvironMaker::put_variable(const Gil& gil, PyObject* environ, const Field& variable) {
  const Ref key = variables_.get(gil, variable.name);
  const Ref value = targets_.get(gil, variable.value);
  return key && value && PyDict_SetItem(environ, key.get(), value.get()) == 0;
}

bool EnvironMaker::put_path(const Gil& gil, PyObject* environ, const RequestHead& head,
                            const FieldNotes& notes, std::string& refusal) {
  const Bytes script_name =
      notes.script_name.data() != nullptr ? notes.script_name : Bytes(script_name_);
  Bytes path = head.path;
  if (!script_name.empty() && !path.starts_with(script_name)) {
    refusal =
        fmt::format("Request path '{}' does not start with SCRIPT_NAME '{}'", path, script_name);
    return false;
  }
  path.remove_prefix(script_name.size());
  if (!put_text(gil, environ, ScriptName, script_name, words_)) return false;
  const bool is_plain = path.find('%') == Bytes::npos || head.path_is_decoded;
  if (is_plain) return put_text(gil, environ, PathInfo, path, targets_);
  std::string scratch;
  return put(gil, environ, PathInfo, make_text(gil, percent_decoded(path, scratch)));
}

}  // namespace winghorn::wsgi
