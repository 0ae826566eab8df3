// SPDX-License-Identifier: MIT
#include "core/engine/last_words.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/net/stream.h"

namespace winghorn {
namespace {

constexpr Millis kPatienceForOwner{100};
constexpr Millis kPatienceForOne{10};
constexpr int kReads = 256;

using Progress = LastWords::Progress;

// Sends what it is given, but for the first bytes, which have gone already; stops where the client does.
class Sender final : public UnsentReader {
 public:
  Sender(int socket, std::uint64_t skip) : socket_(socket), skip_(skip) {}

  std::uint64_t sent() const { return sent_; }
  Progress progress(bool all) const {
    if (all) return Progress::All;
    return last_ == Flow::Blocked ? Progress::Some : Progress::ClientIsGone;
  }

  bool bytes(Bytes bytes) override {
    return send_all(bytes.size(), [&](std::size_t done) {
      // What an iovec points to could be changed by others than sendmsg.
      const iovec rest{const_cast<char*>(bytes.data()) + done, bytes.size() - done};
      return transmit(socket_, {&rest, 1});
    });
  }

  bool file(const FilePart& part) override {
    return send_all(part.length, [&](std::uint64_t done) {
      return transmit_file(socket_, part.file.get(), part.offset + done, part.length - done);
    });
  }

 private:
  template <class Size, class Send>
  bool send_all(Size size, Send send) {
    Size done = static_cast<Size>(std::min<std::uint64_t>(size, skip_));
    skip_ -= done;
    while (done < size) {
      const Transfer moved = send(done);
      last_ = moved.flow;
      if (last_ != Flow::Moved) return false;
      done += moved.bytes;
      sent_ += moved.bytes;
    }
    return true;
  }

  const int socket_;
  std::uint64_t skip_;
  std::uint64_t sent_ = 0;
  Flow last_ = Flow::Moved;
};

Progress send_unsent(Connection& connection) {
  Sender sender(connection.socket.get(), connection.last_word.sent);
  const bool all = connection.protocol->read_unsent(sender);
  connection.last_word.sent += sender.sent();
  return sender.progress(all);
}

bool is_untouched(const Connection& connection) {
  return connection.running != nullptr && connection.running->notes.reply_status == 0;
}

bool is_owed_nothing(const Connection& connection) {
  if (connection.state == ConnectionState::Broken) return true;
  if (connection.running != nullptr) return connection.running->client_is_left();
  return !connection.protocol->has_unsent() && connection.state != ConnectionState::Lingering;
}

void throw_input_away(int socket) {
  std::array<char, 4096> block;  // NOLINT: filled by receive
  for (int reads = 0; reads < kReads; ++reads) {
    if (receive(socket, block).flow != Flow::Moved) return;
  }
}

void part_from(Connection& connection) {
  connection.last_word.fate = LastWord::Fate::PartedFrom;
  ::shutdown(connection.socket.get(), SHUT_WR);
  throw_input_away(connection.socket.get());
}

void leave_alone(Connection& connection) { connection.last_word.fate = LastWord::Fate::LeftAlone; }

void cut_off(Connection& connection) {
  leave_alone(connection);
  make_reset(connection.socket.get(), true);
}

}  // namespace

LastWords::LastWords(const http1::SessionConfig& config, const ErrorPage& begun,
                     const ErrorPage& not_begun)
    : begun_(make_page(config, begun)), not_begun_(make_page(config, not_begun)) {}

// To the byte as a session sends it.
LastWords::Page LastWords::make_page(const http1::SessionConfig& config, const ErrorPage& page) {
  const ConnectionInfo nobody;
  ExchangePool pool(config.limits, SpillPlace{});
  http1::Session session(config, nobody, pool);
  session.consume("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  Exchange* const exchange = session.next_request();
  ReplyHead head = page.head;
  exchange->reply.answer(std::move(head), page.body);
  session.collect(*exchange);
  Page made;
  made.status = static_cast<std::uint16_t>(page.head.status());
  for (const iovec& part : session.unsent().bytes) {
    made.text.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  made.head_bytes = made.text.size() - page.body.size();
  session.sent(made.text.size());
  pool.close(session.finished());
  return made;
}

void LastWords::say(CrashTable& table, Instant end) const {
  table.stop();
  say_what_goes_at_once(table);
  if (table.await_rest(kPatienceForOwner)) say_what_goes_at_once(table);
  // Those that are left have a slow client, or more to send than the kernel takes at once.
  for (bool is_left = true; is_left && now() < end;) {
    is_left = false;
    table.each([&](Connection& connection) {
      if (connection.last_word.fate != LastWord::Fate::Open || now() >= end) return;
      is_left = true;
      pollfd writable{connection.socket.get(), POLLOUT, 0};
      ::poll(&writable, 1, static_cast<int>(kPatienceForOne.count()));
      answer(connection);
    });
  }
  table.each([](Connection& connection) {
    if (connection.last_word.fate == LastWord::Fate::Open &&
        connection.protocol->end_would_lie(false)) {
      cut_off(connection);
    }
  });
}

void LastWords::say_what_goes_at_once(CrashTable& table) const {
  table.each([](Connection& connection) {
    if (!is_owed_nothing(connection)) send_unsent(connection);
  });
  table.each([this](Connection& connection) { answer(connection); });
}

// As far as it goes now; the rest when it is called again.
void LastWords::answer(Connection& connection) const {
  if (connection.last_word.fate != LastWord::Fate::Open) return;
  if (is_owed_nothing(connection)) return leave_alone(connection);
  Progress progress = send_unsent(connection);
  if (progress == Progress::All && is_untouched(connection)) {
    progress = send_page(connection);
  } else if (progress == Progress::All &&
             (connection.reset_at_end || connection.protocol->end_would_lie(true))) {
    return cut_off(connection);
  }
  if (progress == Progress::All) return part_from(connection);
  if (progress == Progress::ClientIsGone) leave_alone(connection);
}

LastWords::Progress LastWords::send_page(Connection& connection) const {
  Exchange& exchange = *connection.running;
  LastWord& word = connection.last_word;
  // Whoever withdraws it knows that it has not begun, and that it will not.
  if (word.status == 0) word.status = exchange.withdraw() ? not_begun_.status : begun_.status;
  const Page& page = page_of(word.status);
  const bool has_body = exchange.head.method != "HEAD";
  Sender sender(connection.socket.get(), word.page_sent);
  const bool all =
      sender.bytes(Bytes(page.text).substr(0, has_body ? Bytes::npos : page.head_bytes));
  word.page_sent = static_cast<std::uint16_t>(word.page_sent + sender.sent());
  return sender.progress(all);
}

std::uint64_t LastWords::body_bytes(const LastWord& word) const {
  const std::size_t head = page_of(word.status).head_bytes;
  return word.page_sent > head ? word.page_sent - head : 0;
}

void LastWords::listen(CrashTable& table) {
  table.each([](Connection& connection) {
    if (connection.last_word.fate == LastWord::Fate::PartedFrom) {
      throw_input_away(connection.socket.get());
    }
  });
}

}  // namespace winghorn
