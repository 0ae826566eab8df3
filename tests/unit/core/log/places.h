// places.h: where a test's log lines go: a pipe whose reader can be slow, a folder that is removed.
// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/fd.h"

namespace winghorn::log {

class Pipe {
 public:
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    ::signal(SIGPIPE, SIG_IGN);  // as in every Python process
  }

  int writer() const { return writer_.get(); }
  void close_reader() { reader_.reset(); }
  void close_writer() { writer_.reset(); }

  // Leaves no room; what was put in.
  std::size_t fill() {
    const std::string junk(4096, '#');
    ::fcntl(writer_.get(), F_SETFL, O_NONBLOCK);
    std::size_t size = 0;
    for (ssize_t took = 0; (took = ::write(writer_.get(), junk.data(), junk.size())) > 0;) {
      size += static_cast<std::size_t>(took);
    }
    ::fcntl(writer_.get(), F_SETFL, 0);
    return size;
  }

  // Whatever is there now.
  std::string read() {
    std::string text;
    std::array<char, 65536> buffer;
    for (ssize_t size = 0; (size = ::read(reader_.get(), buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

  // Reads until `enough` is satisfied with all that came, or for ten seconds.
  std::string read_until(const std::function<bool(const std::string&)>& enough) {
    std::string text = read();
    const Instant give_up = now() + Seconds(10);
    while (!enough(text) && now() < give_up) {
      pollfd wanted{reader_.get(), POLLIN, 0};
      ::poll(&wanted, 1, 100);
      text += read();
    }
    return text;
  }
  std::string read_until(std::string_view part) {
    return read_until(
        [part](const std::string& text) { return text.find(part) != std::string::npos; });
  }

 private:
  Fd reader_;
  Fd writer_;
};

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "winghorn-log-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Runs `work` in a forked process; how it ended.
inline int in_a_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

}  // namespace winghorn::log
