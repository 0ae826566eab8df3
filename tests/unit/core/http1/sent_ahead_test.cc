// SPDX-License-Identifier: MIT
//
// What a client sends behind a request that runs: one read's worth is kept, and no more is read.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/http1/session.h"
#include "support/limits.h"

namespace winghorn::http1 {
namespace {

constexpr std::size_t kConnections = 1000;
constexpr std::size_t kOfTheAllocator = 4096;  // beside each block: large ones are whole pages

// 0 where a sanitizer's allocator does not count.
std::size_t allocated() {
  const auto heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

class SentAhead : public ::testing::Test {
 protected:
  // Sends `head` to each connection, in reads, then as much as each takes while its request runs.
  void run(const std::string& head) {
    const std::string read(limits_.read_bytes, 'x');
    for (std::size_t i = 0; i < kConnections; ++i) {
      Session& session = *sessions_.emplace_back(std::make_unique<Session>(config_, info_, pool_));
      for (Bytes rest = head; !rest.empty(); rest.remove_prefix(std::min(rest.size(), read.size())))
        ASSERT_EQ(session.consume(rest.substr(0, read.size())), Verdict::KeepGoing);
      ASSERT_NE(session.next_request(), nullptr);
    }
    before_ = allocated();
    for (const auto& session : sessions_) {
      for (; session->hungry(); ++reads_) {
        ASSERT_EQ(session->consume(read), Verdict::KeepGoing);
      }
    }
  }

  Limits limits_ = wide_limits();
  Strictness strictness_;
  HeaderPolicy policy_;
  SessionConfig config_{limits_, strictness_, policy_};
  ExchangePool pool_{limits_, SpillPlace{}};
  ConnectionInfo info_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::size_t before_ = 0;
  std::size_t reads_ = 0;
};

TEST_F(SentAhead, CostsOneReadForEachConnection) {
  run("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(reads_, kConnections);
  EXPECT_LE(allocated() - before_, kConnections * (limits_.read_bytes + kOfTheAllocator));
}

TEST_F(SentAhead, TakesNoMoreForTheHeadThatCameBefore) {
  limits_.read_bytes = 4096;
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 8; ++i) head += "X: " + std::string(5000, 'x') + "\r\n";
  const std::size_t start = allocated();
  run(head + "\r\nGET");
  EXPECT_EQ(reads_, 0U) << "something is kept already";
  const std::size_t exchanges = kConnections * (head.size() + 4096);
  EXPECT_LE(allocated() - start, exchanges + kConnections * (2 * limits_.read_bytes));
}

}  // namespace
}  // namespace winghorn::http1
