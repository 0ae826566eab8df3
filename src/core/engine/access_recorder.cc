// SPDX-License-Identifier: MIT
#include "core/engine/access_recorder.h"

#include "core/base/ascii.h"
#include "core/http/grammar.h"
#include "core/log/log.h"

namespace winghorn {
namespace {

// "http_x_real_ip" names the field X-Real-Ip, as applications see it in their environ.
bool names_field(Bytes environ_name, Bytes field) {
  if (environ_name.size() != field.size() + 5 || !equals_lower(environ_name.substr(0, 5), "http_"))
    return false;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const char mine = environ_name[i + 5] == '_' ? '-' : environ_name[i + 5];
    if (lower_case(mine) != lower_case(field[i])) return false;
  }
  return true;
}

class ExchangeFields final : public log::FieldSource {
 public:
  ExchangeFields(const Exchange& exchange, Bytes path_info)
      : exchange_(exchange), path_info_(path_info) {}

  Bytes request_header(Bytes name) const override {
    return last_field([&](Bytes field) { return equals_ignoring_case(field, name); });
  }

  Bytes reply_header(Bytes name) const override {
    Bytes found;
    exchange_.notes.reply_head.each_field([&](const Field& field) {
      if (equals_ignoring_case(field.name, name)) found = field.value;
    });
    return found;
  }

  Bytes environ_value(Bytes name) const override {
    const RequestHead& head = exchange_.head;
    for (const Field& variable : head.variables) {
      if (equals_ignoring_case(name, variable.name)) return variable.value;
    }
    if (equals_ignoring_case(name, "request_method")) return head.method;
    if (equals_ignoring_case(name, "raw_uri")) return head.target;
    if (equals_ignoring_case(name, "query_string")) return head.query;
    if (equals_ignoring_case(name, "path_info")) return percent_decoded(path_info_, decoded_);
    if (equals_ignoring_case(name, "server_protocol")) return head.version;
    if (equals_ignoring_case(name, "wsgi.url_scheme")) return head.scheme;
    if (equals_ignoring_case(name, "remote_addr")) return exchange_.client().address;
    if (equals_ignoring_case(name, "remote_port")) return exchange_.client().port;
    if (equals_ignoring_case(name, "server_name")) return exchange_.connection().local_address;
    if (equals_ignoring_case(name, "server_port")) return exchange_.connection().local_port;
    return last_field([&](Bytes field) { return names_field(name, field); });
  }

  void each_request_header(const Visit& visit) const override {
    for (const Field& field : exchange_.head.fields) visit(field.name, field.value);
  }

  void each_reply_header(const Visit& visit) const override {
    exchange_.notes.reply_head.each_field(
        [&](const Field& field) { visit(field.name, field.value); });
  }

 private:
  template <class Match>
  Bytes last_field(Match match) const {
    Bytes found;
    for (const Field& field : exchange_.head.fields) {
      if (match(field.name)) found = field.value;
    }
    return found;
  }

  const Exchange& exchange_;
  Bytes path_info_;
  mutable std::string decoded_;
};

}  // namespace

void AccessRecorder::answered(const Exchange& exchange, Instant now, RingMark* mark) {
  write_line(exchange, now, mark);
}

void AccessRecorder::refused(const Exchange& exchange, Instant now, RingMark* mark) {
  log::warning("Invalid request from ip={}: {}", exchange.client().address, exchange.notes.refusal);
  if (!exchange.head.method.empty()) write_line(exchange, now, mark);
}

// As applications get it (python/wsgi/environ.cc). A gateway that names SCRIPT_NAME has taken it off itself.
Bytes AccessRecorder::path_info(const RequestHead& head) const {
  Bytes prefix = script_name_;
  for (const Field& field : head.fields) {
    if (equals_ignoring_case(field.name, "script_name")) prefix = field.value;
  }
  for (const Field& variable : head.variables) {
    if (variable.name == "SCRIPT_NAME") prefix = {};
  }
  Bytes path = head.path;
  if (path.starts_with(prefix)) path.remove_prefix(prefix.size());
  return path;
}

void AccessRecorder::write_line(const Exchange& exchange, Instant now, RingMark* mark) {
  if (!format_) return;
  const RequestHead& head = exchange.head;
  const Bytes path = path_info(head);
  const ExchangeFields fields(exchange, path);
  log::AccessRecord record;
  record.peer = exchange.client().address;
  record.method = head.method;
  record.target = head.target;
  record.path = path;
  record.query = head.query;
  record.version = head.version;
  record.status = exchange.notes.reply_status;
  record.body_bytes = exchange.notes.reply_bytes;
  record.took = exchange.notes.ready == Instant() ? Nanos(0) : now - exchange.notes.ready;
  const bool could_run = exchange.notes.ready != Instant() && exchange.notes.refusal.empty();
  if (could_run) record.queued = exchange.queue_time(now);
  record.fields = &fields;
  line_.clear();
  format_->format(record, line_);
  log::say_access(line_, mark);
}

}  // namespace winghorn
