// SPDX-License-Identifier: MIT
#include "core/http/forwarded.h"

#include <algorithm>
#include <string>

#include "core/base/ip_text.h"
#include "core/http/grammar.h"

namespace winghorn {
namespace {

constexpr Bytes kX = "x-forwarded-for";
constexpr Bytes kRfc7239 = "forwarded";

bool is_port(Bytes text) {
  std::uint64_t number = 0;
  return text.size() <= 5 && parse_decimal(text, number) && number <= 65535;
}

// What stands behind an address; no client: neither nothing nor ":" and a port. Forwarded may hide the port.
std::optional<Client> with_port(Bytes address, Bytes behind) {
  if (behind.empty()) return Client{address, {}};
  const Bytes port = behind.substr(1);
  if (behind.front() != ':' || port.empty()) return std::nullopt;
  if (is_port(port)) return Client{address, port};
  if (port.front() == '_' && is_token(port)) return Client{address, {}};
  return std::nullopt;
}

std::optional<Client> bracketed(Bytes node) {
  const std::size_t close = node.find(']');
  if (close == Bytes::npos || !is_ip_address(node.substr(1, close - 1), AF_INET6))
    return std::nullopt;
  return with_port(node.substr(1, close - 1), node.substr(close + 1));
}

// RFC 7239 6; nothing: "unknown", hidden or no node at all.
std::optional<Client> parse_node(Bytes node) {
  if (node.starts_with('[')) return bracketed(node);
  const std::size_t colon = std::min(node.size(), node.find(':'));
  if (!is_ip_address(node.substr(0, colon), AF_INET)) return std::nullopt;
  return with_port(node.substr(0, colon), node.substr(colon));
}

std::optional<Client> parse_x_node(Bytes node) {
  // Nearly everybody writes IPv6 without brackets here.
  if (is_ip_address(node, AF_INET6)) return Client{node, {}};
  return parse_node(node);
}

void split_x(Bytes value, std::vector<Bytes>& nodes) {
  each_member(value, [&](Bytes member) {
    if (!member.empty()) nodes.push_back(member);
  });
}

// One field of RFC 7239 4: elements separated by ',', of pairs separated by ';'.
class ForwardedField {
 public:
  ForwardedField(Bytes text, std::vector<Bytes>& nodes) : left_(text), nodes_(nodes) {}

  // False: malformed.
  bool read() {
    do {
      if (!element()) return false;
    } while (take(','));
    return left_.empty();
  }

 private:
  bool element() {
    skip_blanks();
    if (left_.empty() || left_.front() == ',') return true;  // RFC 9110 5.6.1: an empty member
    Bytes node;
    do {
      if (!pair(node)) return false;
    } while (take(';'));
    nodes_.push_back(node);
    return true;
  }

  bool pair(Bytes& node) {
    const Bytes name = token();
    if (name.empty() || !take('=')) return false;
    Bytes value;
    if (!read_value(value)) return false;
    if (!equals_lower(name, "for")) return true;
    if (node.data() != nullptr) return false;  // each once only
    node = value;
    return true;
  }

  // An escaped byte stays as it is: no address has one.
  bool read_value(Bytes& value) {
    if (!left_.starts_with('"')) {
      value = token();
      return !value.empty();
    }
    std::size_t end = 1;
    while (end < left_.size() && left_[end] != '"') end += left_[end] == '\\' ? 2 : 1;
    if (end >= left_.size()) return false;
    value = left_.substr(1, end - 1);
    left_.remove_prefix(end + 1);
    return true;
  }

  Bytes token() {
    std::size_t end = 0;
    while (end < left_.size() && (byte_class(left_[end]) & kTokenByte) != 0) ++end;
    const Bytes found = left_.substr(0, end);
    left_.remove_prefix(end);
    return found;
  }

  bool take(char wanted) {
    if (wanted == ',') skip_blanks();
    if (!left_.starts_with(wanted)) return false;
    left_.remove_prefix(1);
    return true;
  }

  void skip_blanks() {
    while (!left_.empty() && is_blank(left_.front())) left_.remove_prefix(1);
  }

  Bytes left_;
  std::vector<Bytes>& nodes_;
};

}  // namespace

std::optional<Client> forwarded_client(const std::vector<Field>& fields, ForwardedBy kind,
                                       const std::function<bool(Bytes)>& is_believed) {
  if (kind == ForwardedBy::Nobody) return std::nullopt;
  const Bytes name = kind == ForwardedBy::X ? kX : kRfc7239;
  bool is_there = false;
  std::vector<Bytes> nodes;
  for (const Field& field : fields) {
    if (!equals_lower(field.name, name)) continue;
    is_there = true;
    if (kind == ForwardedBy::X) {
      split_x(field.value, nodes);
    } else if (!ForwardedField(field.value, nodes).read()) {
      return Client{};
    }
  }
  if (!is_there) return std::nullopt;
  Client client;
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const std::optional<Client> hop =
        kind == ForwardedBy::X ? parse_x_node(*node) : parse_node(*node);
    if (!hop) return Client{};
    client = *hop;
    if (!is_believed(client.address)) break;
  }
  return client;
}

}  // namespace winghorn
