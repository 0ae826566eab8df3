// SPDX-License-Identifier: MIT
#include "python/gil/interrupts.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "python/gil/compat.h"
#include "python/gil/error_text.h"
#include "python/gil/knock.h"
#include "python/gil/names.h"
#include "python/gil/ref.h"

namespace winghorn::gil {
namespace {

class InterruptsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (Py_IsInitialized() == 0) Py_InitializeEx(0);
    ASSERT_TRUE(make_names(Gil::held()));
    ASSERT_TRUE(make_interrupts(Gil::held()));
    // Whichever thread imports it first, it takes for the main one.
    ASSERT_TRUE(Ref::steal(PyImport_ImportModule("threading")));
  }

  static bool run(const char* source) {
    const Ref scope = Ref::steal(PyDict_New());
    PyDict_SetItemString(scope.get(), "__builtins__", PyEval_GetBuiltins());
    PyDict_SetItemString(scope.get(), "RequestTimeout", request_timeout_class());
    PyDict_SetItemString(scope.get(), "begun", begun.get());
    return static_cast<bool>(
        Ref::steal(PyRun_String(source, Py_file_input, scope.get(), scope.get())));
  }
  static std::string taken_error() {
    const Ref error = take_error(Gil::held());
    return error ? std::string(Py_TYPE(error.get())->tp_name) + ": " +
                       text_of(Gil::held(), error.get())
                 : std::string();
  }

  // What the code under test fills when it wants to be interrupted.
  static Ref begun;
  void SetUp() override { begun = Ref::steal(PyList_New(0)); }

  // Interrupts `block` from another thread, as often as it takes, once the code there has begun. Not without
  // a pause: the signals queue up, and the thread would do nothing but receive them.
  class Interrupter {
   public:
    explicit Interrupter(Block& block)
        : thread_([this, &block] {
            const PyGILState_STATE state = PyGILState_Ensure();
            while (!over_) {
              if (PyList_GET_SIZE(begun.get()) > 0) block.interrupt(Gil::held());
              PyThreadState* const saved = PyEval_SaveThread();
              std::this_thread::sleep_for(std::chrono::milliseconds(1));
              PyEval_RestoreThread(saved);
            }
            PyGILState_Release(state);
          }) {}
    ~Interrupter() {
      over_ = true;
      PyThreadState* const saved = PyEval_SaveThread();
      thread_.join();
      PyEval_RestoreThread(saved);
    }

   private:
    std::atomic<bool> over_{false};
    std::thread thread_;
  };

  // As a thread of Python's that is not the main one.
  template <class Work>
  static void on_another_thread(Work work) {
    PyThreadState* const saved = PyEval_SaveThread();
    std::thread([&work] {
      const PyGILState_STATE state = PyGILState_Ensure();
      work();
      PyGILState_Release(state);
    }).join();
    PyEval_RestoreThread(saved);
  }
};

Ref InterruptsTest::begun;

constexpr const char* kSpin = "begun.append(1)\nwhile True:\n    pass\n";
constexpr const char* kSleep = "import time\nbegun.append(1)\ntime.sleep(60)\n";

TEST_F(InterruptsTest, TheMainThreadIsCutOutOfABlockingCall) {
  Block block;
  block.reason = "too long";
  ASSERT_TRUE(block.enter(Gil::held()));
  {
    const Interrupter interrupter(block);
    EXPECT_FALSE(run(kSleep));
  }
  EXPECT_EQ(taken_error(), "RequestTimeout: too long");
  EXPECT_TRUE(block.leave(Gil::held()));
}

TEST_F(InterruptsTest, AnotherThreadIsInterruptedAtItsNextBytecode) {
  on_another_thread([] {
    Block block;
    block.reason = "too long";
    ASSERT_TRUE(block.enter(Gil::held()));
    {
      const Interrupter interrupter(block);
      EXPECT_FALSE(run(kSpin));
    }
    EXPECT_EQ(taken_error(), "RequestTimeout: too long");
    EXPECT_TRUE(block.leave(Gil::held()));
    EXPECT_TRUE(run("sum(range(100000))"));
  });
}

TEST_F(InterruptsTest, WhatHasNotArrivedIsTakenBack) {
  on_another_thread([] {
    Block block;
    ASSERT_TRUE(block.enter(Gil::held()));
    block.interrupt(Gil::held());
    EXPECT_FALSE(block.leave(Gil::held()));
    EXPECT_TRUE(run("for _ in range(100000): pass"));
  });
  Block block;
  ASSERT_TRUE(block.enter(Gil::held()));
  block.interrupt(Gil::held());
  EXPECT_FALSE(block.leave(Gil::held()));
  EXPECT_TRUE(run("for _ in range(100000): pass"));
}

TEST_F(InterruptsTest, ABlockIsInterruptedOnce) {
  on_another_thread([] {
    Block block;
    ASSERT_TRUE(block.enter(Gil::held()));
    const Interrupter interrupter(block);
    EXPECT_TRUE(
        run("try:\n    begun.append(1)\n    while True: pass\n"
            "except RequestTimeout:\n    for _ in range(10**6): pass\n"));
    EXPECT_TRUE(block.leave(Gil::held()));
  });
}

TEST_F(InterruptsTest, ExceptExceptionDoesNotSwallowIt) {
  on_another_thread([] {
    Block block;
    block.reason = "r";
    ASSERT_TRUE(block.enter(Gil::held()));
    {
      const Interrupter interrupter(block);
      EXPECT_FALSE(
          run("try:\n    begun.append(1)\n    while True: pass\nexcept Exception:\n    pass\n"));
    }
    EXPECT_EQ(taken_error(), "RequestTimeout: r");
    block.leave(Gil::held());
  });
}

TEST_F(InterruptsTest, AnOuterBlockThatIsDueWaitsForItsTurn) {
  on_another_thread([] {
    Block outer;
    Block inner;
    outer.reason = "outer";
    inner.reason = "inner";
    ASSERT_TRUE(outer.enter(Gil::held()));
    ASSERT_TRUE(inner.enter(Gil::held()));
    inner.interrupt(Gil::held());
    outer.interrupt(Gil::held());
    EXPECT_FALSE(inner.leave(Gil::held()));  // taken back; now the outer one's is on its way
    EXPECT_FALSE(run("for _ in range(1000000): pass"));
    EXPECT_EQ(taken_error(), "RequestTimeout: outer");
    EXPECT_TRUE(outer.leave(Gil::held()));
  });
}

// As an inner block's edge does with an exception that is an outer one's.
TEST_F(InterruptsTest, AnOuterBlocksExceptionIsTheInnerOnesToo) {
  on_another_thread([] {
    Block outer;
    Block inner;
    outer.reason = "outer";
    ASSERT_TRUE(outer.enter(Gil::held()));
    ASSERT_TRUE(inner.enter(Gil::held()));
    outer.interrupt(Gil::held());
    EXPECT_FALSE(run("for _ in range(1000000): pass"));
    EXPECT_EQ(taken_error(), "RequestTimeout: outer");
    inner.interrupt(Gil::held());
    EXPECT_FALSE(inner.pending());
    EXPECT_TRUE(run("for _ in range(100000): pass"));
    EXPECT_FALSE(inner.leave(Gil::held()));
    EXPECT_TRUE(outer.leave(Gil::held()));
  });
}

TEST_F(InterruptsTest, AnInnerBlockPassesOnWhatCameForAnOuterOneAfterItsOwn) {
  Block outer;
  Block inner;
  outer.reason = "outer";
  inner.reason = "inner";
  ASSERT_TRUE(outer.enter(Gil::held()));
  ASSERT_TRUE(inner.enter(Gil::held()));
  inner.interrupt(Gil::held());
  EXPECT_FALSE(run("for _ in range(1000000): pass"));
  EXPECT_EQ(taken_error(), "RequestTimeout: inner");
  outer.interrupt(Gil::held());
  EXPECT_FALSE(run("for _ in range(1000000): pass"));
  EXPECT_EQ(taken_error(), "RequestTimeout: outer");
  EXPECT_FALSE(inner.leave(Gil::held()));
  EXPECT_TRUE(outer.leave(Gil::held()));
}

TEST_F(InterruptsTest, ABlockThatOutlivesItsThreadIsNobodysAnyMore) {
  Block block;
  on_another_thread([&block] { ASSERT_TRUE(block.enter(Gil::held())); });
  block.interrupt(Gil::held());
  EXPECT_FALSE(block.pending());
  EXPECT_FALSE(block.leave(Gil::held()));
}

TEST_F(InterruptsTest, RaisedByAnApplicationItSaysWhatThatSays) {
  EXPECT_FALSE(run("raise RequestTimeout('mine')"));
  EXPECT_EQ(taken_error(), "RequestTimeout: mine");
  EXPECT_FALSE(run("raise RequestTimeout"));
  EXPECT_EQ(taken_error(), "RequestTimeout: ");
}

TEST_F(InterruptsTest, AnErrandIsRunOnTheMainThreadForEachKnock) {
  static int errands = 0;
  ASSERT_TRUE(install_knock(Gil::held()));
  on_knock(Gil::held(), [](const Gil&) {
    ++errands;
    return true;
  });
  knock();
  EXPECT_TRUE(run("for _ in range(1000): pass"));
  EXPECT_GE(errands, 1);
}

}  // namespace
}  // namespace winghorn::gil
