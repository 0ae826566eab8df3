// SPDX-License-Identifier: MIT
#include "supervisor/listener_set.h"

#include <algorithm>
#include <utility>

namespace winghorn::supervisor {
namespace {

ListenAddress descriptor_address(int fd) {
  ListenAddress address;
  address.kind = AddressKind::Fd;
  address.fd = fd;
  return address;
}

ListenAddress to_listen_address(const config::BindAddress& asked) {
  using Family = config::BindAddress::Family;
  ListenAddress address;
  switch (asked.family) {
    case Family::Tcp4:
    case Family::Tcp6:
      address.kind = asked.family == Family::Tcp4 ? AddressKind::Tcp4 : AddressKind::Tcp6;
      address.host = asked.host;
      address.port = asked.port;
      return address;
    case Family::Unix:
      address.kind = AddressKind::Unix;
      address.path = asked.path;
      return address;
    case Family::Descriptor:
      break;
  }
  return descriptor_address(asked.descriptor);
}

bool contains(const Addresses& addresses, const ListenAddress& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

}  // namespace

Addresses effective_addresses(const std::vector<config::BindAddress>& asked,
                              const std::vector<int>& from_systemd) {
  Addresses descriptors;
  Addresses others;
  for (const int fd : from_systemd) descriptors.push_back(descriptor_address(fd));
  for (const config::BindAddress& one : asked) {
    ListenAddress address = to_listen_address(one);
    Addresses& into = address.kind == AddressKind::Fd ? descriptors : others;
    if (!contains(into, address)) into.push_back(std::move(address));
  }
  return descriptors.empty() ? others : descriptors;
}

Status ListenerSet::open(const Addresses& addresses, const Bind& bind) {
  const std::size_t before = open_.size();
  for (const ListenAddress& address : addresses) {
    if (find(address) != nullptr) continue;
    Result<Listener> bound = bind(address);
    if (!bound) {
      while (open_.size() > before) {
        open_.back().remove_file();
        open_.pop_back();
      }
      return bound.error();
    }
    open_.push_back(std::move(bound).value());
  }
  return Nothing{};
}

void ListenerSet::keep_only(const Addresses& one, const Addresses& other) {
  std::erase_if(open_, [&](Listener& listener) {
    const bool is_named = contains(one, listener.asked()) || contains(other, listener.asked());
    if (is_named) return false;
    if (are_files_shared_) {
      listener.take_socket();
      left_.push_back(std::move(listener));
    } else {
      listener.remove_file();
    }
    return true;
  });
}

void ListenerSet::close_all() {
  keep_only({}, {});
  for (Listener& listener : left_) listener.remove_stale_file();
}

std::string ListenerSet::display(const Addresses& addresses) const {
  std::string text;
  for (const ListenAddress& address : addresses) {
    const Listener* listener = find(address);
    if (listener == nullptr) continue;
    if (!text.empty()) text += ',';
    text += listener->display();
  }
  return text;
}

unsigned ListenerSet::waiting() const {
  unsigned count = 0;
  for (const Listener& listener : open_) count += listener.waiting();
  return count;
}

std::vector<Listener> ListenerSet::hand_over(const Addresses& addresses) {
  std::vector<Listener> own;
  for (const ListenAddress& address : addresses) {
    const auto found = std::ranges::find(open_, address, &Listener::asked);
    if (found != open_.end()) own.push_back(std::move(*found));
  }
  open_.clear();
  return own;
}

const Listener* ListenerSet::find(const ListenAddress& address) const {
  const auto found = std::ranges::find(open_, address, &Listener::asked);
  return found == open_.end() ? nullptr : &*found;
}

}  // namespace winghorn::supervisor
