// SPDX-License-Identifier: MIT
#include "core/engine/handover.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <optional>

namespace winghorn {
namespace {

constexpr std::size_t kMostInline = 16UL * 1024;
constexpr std::uint64_t kInline = ~std::uint64_t{0};

enum Text : std::uint8_t {
  PeerAddress,
  PeerPort,
  LocalAddress,
  LocalPort,
  ProxyProtocol,  // the next four likewise: empty when nobody has sent a PROXY header
  ClientAddress,
  ClientPort,
  ProxyAddress,
  ProxyPort,
  Head,
  BodyInMemory,
  Rest,
  TextCount,
};
using Texts = std::array<Bytes, TextCount>;

// What a message begins with; sender and receiver are forks of one process.
struct Label {
  std::uint64_t ready = 0;
  std::uint64_t body_in_file = 0;
  std::uint64_t texts_at = kInline;  // in the file
  std::array<std::uint32_t, TextCount> lengths{};
  bool is_unix = false;
  bool input_ended = false;
};
static_assert(sizeof(Label) + kMostInline <= FdChannel::kMostBytes);

std::uint64_t total(const Label& label) {
  return std::accumulate(label.lengths.begin(), label.lengths.end(), std::uint64_t{0});
}

bool write_texts(int file, const Texts& texts, std::uint64_t at) {
  for (Bytes text : texts) {
    while (!text.empty()) {
      const ssize_t count = ::pwrite(file, text.data(), text.size(), static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
      at += static_cast<std::uint64_t>(count);
    }
  }
  return true;
}

bool read_texts(int file, std::uint64_t at, std::string& into) {
  for (std::size_t got = 0; got < into.size();) {
    const ssize_t count =
        ::pread(file, into.data() + got, into.size() - got, static_cast<off_t>(at + got));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    got += static_cast<std::size_t>(count);
  }
  return true;
}

Label label_for(const Departure& departure, const Texts& texts) {
  Label label;
  label.ready = to_word(departure.ready);
  label.body_in_file = departure.request.body.in_file;
  std::ranges::transform(texts, label.lengths.begin(),
                         [](Bytes text) { return static_cast<std::uint32_t>(text.size()); });
  label.is_unix = departure.ends.is_unix;
  label.input_ended = departure.request.input_ended;
  return label;
}

std::optional<Label> read_label(Bytes& message) {
  Label label;
  if (message.size() < sizeof label) return std::nullopt;
  std::memcpy(&label, message.data(), sizeof label);
  message.remove_prefix(sizeof label);
  return label;
}

// Nothing when the message is not what its label says.
std::optional<Bytes> texts_of(const Label& label, Bytes message, Arrival& into) {
  if (label.texts_at == kInline) {
    return message.size() == total(label) ? std::optional(message) : std::nullopt;
  }
  struct stat file{};
  if (::fstat(into.body_file.get(), &file) != 0) return std::nullopt;
  if (static_cast<std::uint64_t>(file.st_size) < label.texts_at + total(label)) return std::nullopt;
  into.kept.resize(total(label));
  if (!read_texts(into.body_file.get(), label.texts_at, into.kept)) return std::nullopt;
  return Bytes(into.kept);
}

void unpack(const Label& label, Bytes bytes, Arrival& into) {
  Texts texts;
  for (std::size_t i = 0; i < TextCount; ++i) {
    texts[i] = bytes.substr(0, label.lengths[i]);
    bytes.remove_prefix(label.lengths[i]);
  }
  into.ends.peer_address = texts[PeerAddress];
  into.ends.peer_port = texts[PeerPort];
  into.ends.local_address = texts[LocalAddress];
  into.ends.local_port = texts[LocalPort];
  into.ends.is_unix = label.is_unix;
  if (!texts[ProxyProtocol].empty()) {
    const auto text = [&](Text which) { return std::string(texts[which]); };
    into.ends.proxied = std::make_shared<ProxiedEnds>(
        ProxiedEnds{text(ProxyProtocol), text(ClientAddress), text(ClientPort), text(ProxyAddress),
                    text(ProxyPort)});
  }
  into.ready = from_word(label.ready);
  into.request.head = texts[Head];
  into.request.body = {texts[BodyInMemory], into.body_file.get(), label.body_in_file};
  into.request.rest = texts[Rest];
  into.request.input_ended = label.input_ended;
}

}  // namespace

bool send_request(const FdChannel& channel, const Departure& departure) {
  const ConnectionInfo& ends = departure.ends;
  const UnbegunRequest& request = departure.request;
  const ProxiedEnds nobody;
  const ProxiedEnds& proxied = ends.proxied ? *ends.proxied : nobody;
  Texts texts{ends.peer_address,   ends.peer_port,        ends.local_address,
              ends.local_port,     proxied.protocol,      proxied.client_address,
              proxied.client_port, proxied.proxy_address, proxied.proxy_port,
              request.head,        request.body.memory,   request.rest};
  Label label = label_for(departure, texts);
  Fd made;
  int file = request.body.file;
  if (total(label) > kMostInline) {
    if (file < 0) {
      made.reset(::memfd_create("winghorn-handover", MFD_CLOEXEC));
      file = made.get();
    }
    label.texts_at = label.body_in_file;
    if (file < 0 || !write_texts(file, texts, label.texts_at)) return false;
    texts.fill({});
  }
  std::array<iovec, TextCount + 1> parts{{{&label, sizeof label}}};
  std::ranges::transform(texts, parts.begin() + 1, [](Bytes text) {
    return iovec{const_cast<char*>(text.data()), text.size()};
  });
  const std::array descriptors{departure.socket, file};
  return channel.send(parts, std::span(descriptors).first(file < 0 ? 1 : 2));
}

FdChannel::Received receive_request(FdChannel& channel, Arrival& into) {
  FdChannel::Message message;
  if (const auto received = channel.receive(message); received != FdChannel::Received::Message) {
    return received;
  }
  into.socket = std::move(message.descriptors[0]);
  into.body_file = std::move(message.descriptors[1]);
  const std::optional<Label> label = read_label(message.bytes);
  if (!label || !into.socket) return FdChannel::Received::Lost;
  const std::optional<Bytes> texts = texts_of(*label, message.bytes, into);
  if (!texts) return FdChannel::Received::Lost;
  unpack(*label, *texts, into);
  // A file that held nothing of the body has done its work.
  if (label->body_in_file == 0) into.body_file.reset();
  return FdChannel::Received::Message;
}

}  // namespace winghorn
