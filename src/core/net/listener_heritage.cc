// SPDX-License-Identifier: MIT
#include "core/net/listener_heritage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <utility>

#include "core/base/number_text.h"

namespace winghorn {
namespace {

// NUMBER:KIND:PORT:DEVICE:INODE:NAME, the name (host or path) in hexadecimal: a path may hold anything.
constexpr std::size_t kFields = 6;

constexpr std::array<std::pair<AddressKind, std::string_view>, 3> kKinds{{
    {AddressKind::Tcp4, "tcp4"},
    {AddressKind::Tcp6, "tcp6"},
    {AddressKind::Unix, "unix"},
}};

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned char>(byte));
  }
  return text;
}

std::optional<std::string> unhex(std::string_view text) {
  const auto value = [](char digit) -> int {
    if (digit >= '0' && digit <= '9') return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
  };
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = value(text[i]);
    const int low = value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>((high << 4) + low);
  }
  return bytes;
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool is_stream_socket(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  return fd > STDERR_FILENO && ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
         type == SOCK_STREAM;
}

}  // namespace

std::string heritage_text(const std::vector<Listener>& listeners) {
  std::string text;
  for (const Listener& listener : listeners) {
    const ListenAddress& asked = listener.asked();
    const auto* const kind =
        std::ranges::find(kKinds, asked.kind, &std::pair<AddressKind, std::string_view>::first);
    if (kind == kKinds.end()) continue;
    const bool is_unix = asked.kind == AddressKind::Unix;
    if (!text.empty()) text += ',';
    text += fmt::format("{}:{}:{}:{}:{}:{}", listener.fd(), kind->second, asked.port,
                        listener.file().device, listener.file().inode,
                        hex(is_unix ? asked.path : asked.host));
  }
  return text;
}

Status keep_for_exec(const std::vector<Listener>& listeners) {
  for (const Listener& listener : listeners) {
    if (::fcntl(listener.fd(), F_SETFD, 0) != 0) return failure("keep a listener open");
  }
  return Nothing{};
}

std::optional<Heirlooms::Heirloom> Heirlooms::parse(std::string_view item) {
  const std::vector<std::string_view> fields = parts_of(item, ':');
  if (fields.size() != kFields) return std::nullopt;
  const auto fd = number_from<int>(fields[0]);
  const auto* const kind =
      std::ranges::find(kKinds, fields[1], &std::pair<AddressKind, std::string_view>::second);
  const auto port = number_from<std::uint16_t>(fields[2]);
  const auto device = number_from<dev_t>(fields[3]);
  const auto inode = number_from<ino_t>(fields[4]);
  std::optional<std::string> name = unhex(fields[5]);
  const bool is_whole = fd && kind != kKinds.end() && port && device && inode && name;
  if (!is_whole || !is_stream_socket(*fd)) return std::nullopt;
  ListenAddress address{.kind = kind->first, .port = *port};
  (address.kind == AddressKind::Unix ? address.path : address.host) = *std::move(name);
  return Heirloom{Fd(*fd), std::move(address), {*device, *inode}};
}

Heirlooms Heirlooms::from(std::string_view text) {
  Heirlooms heirlooms;
  for (const std::string_view item : parts_of(text, ',')) {
    std::optional<Heirloom> parsed = parse(item);
    if (parsed) heirlooms.sockets_.push_back(*std::move(parsed));
  }
  return heirlooms;
}

std::optional<Result<Listener>> Heirlooms::claim(const ListenAddress& address,
                                                 const BindOptions& options) {
  const auto found = std::ranges::find(sockets_, address, &Heirloom::address);
  if (found == sockets_.end()) return std::nullopt;
  Heirloom heirloom = std::move(*found);
  sockets_.erase(found);
  Result<Listener> adopted =
      Listener::adopt(std::move(heirloom.socket), address, options, heirloom.file);
  return adopted;
}

}  // namespace winghorn
