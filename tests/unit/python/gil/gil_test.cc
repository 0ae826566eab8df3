// SPDX-License-Identifier: MIT
#include "python/gil/gil.h"

#include <gtest/gtest.h>

#include <string>

#include "python/gil/compat.h"
#include "python/gil/error_text.h"
#include "python/gil/forked_child.h"
#include "python/gil/names.h"
#include "python/gil/ref.h"
#include "python/gil/slot_thread.h"

namespace winghorn::gil {
namespace {

class GilTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (Py_IsInitialized() == 0) Py_InitializeEx(0);
    ASSERT_TRUE(make_names(Gil::held()));
  }

  static Ref evaluate(const char* expression) {
    const Ref scope = Ref::steal(PyDict_New());
    PyDict_SetItemString(scope.get(), "__builtins__", PyEval_GetBuiltins());
    return Ref::steal(PyRun_String(expression, Py_eval_input, scope.get(), scope.get()));
  }
};

TEST_F(GilTest, ARefOwnsOneReference) {
  PyObject* const list = PyList_New(0);
  EXPECT_EQ(Py_REFCNT(list), 1);
  {
    Ref shared = Ref::share(list);
    EXPECT_EQ(Py_REFCNT(list), 2);
    Ref moved = std::move(shared);
    EXPECT_EQ(Py_REFCNT(list), 2);
    moved = Ref::share(list);
    EXPECT_EQ(Py_REFCNT(list), 2);
  }
  EXPECT_EQ(Py_REFCNT(list), 1);
  const Ref stolen = Ref::steal(list);
  EXPECT_TRUE(only_ours(list, 1));
}

TEST_F(GilTest, NamesAreTheOnesThatSourceCodeSpells) {
  const Ref spelled = evaluate("'REQUEST_METHOD'");
  PyObject* interned = spelled.get();
  Py_INCREF(interned);
  PyUnicode_InternInPlace(&interned);
  EXPECT_EQ(interned, names().request_method);
  Py_DECREF(interned);
  EXPECT_TRUE(make_names(Gil::held()));
}

TEST_F(GilTest, ASlotThreadMovesTheLock) {
  EXPECT_EQ(SlotThread::current(), nullptr);
  {
    SlotThread thread;
    EXPECT_EQ(SlotThread::current(), &thread);
    EXPECT_TRUE(thread.holds());
    thread.let_go();
    thread.let_go();
    EXPECT_FALSE(PyGILState_Check());
    thread.take();
    thread.take();
    EXPECT_TRUE(PyGILState_Check());
    thread.let_go();
  }
  EXPECT_TRUE(PyGILState_Check());
  EXPECT_EQ(SlotThread::current(), nullptr);
}

TEST_F(GilTest, AnErrorIsTakenWithItsTraceback) {
  EXPECT_FALSE(take_error(Gil::held()));
  evaluate("[][3]");
  const Ref error = take_error(Gil::held());
  ASSERT_TRUE(error);
  EXPECT_EQ(PyErr_Occurred(), nullptr);
  const std::string text = traceback_text(Gil::held(), error.get());
  EXPECT_NE(text.find("Traceback (most recent call last):\n"), std::string::npos);
  EXPECT_NE(text.find("IndexError: list index out of range"), std::string::npos);
  set_error(Gil::held(), Ref::share(error.get()));
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_IndexError));
  PyErr_Clear();
}

TEST_F(GilTest, ErrorsThatCannotBeFormattedStillHaveAName) {
  const Ref error = evaluate("type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()");
  ASSERT_TRUE(error);
  EXPECT_NE(traceback_text(Gil::held(), error.get()).find("Odd"), std::string::npos);
  EXPECT_EQ(text_of(Gil::held(), error.get()), "Odd");
  EXPECT_EQ(PyErr_Occurred(), nullptr);
}

TEST_F(GilTest, TextThatIsNoUtf8IsEscaped) {
  const Ref text = evaluate("'caf\\xe9 \\udcff'");
  std::string bytes;
  EXPECT_TRUE(append_utf8(Gil::held(), text.get(), bytes));
  EXPECT_EQ(bytes, "caf\xc3\xa9 \\udcff");
  EXPECT_FALSE(append_utf8(Gil::held(), Py_None, bytes));
  EXPECT_EQ(PyErr_Occurred(), nullptr);
}

TEST_F(GilTest, MissingAttributesAndItemsAreNoErrors) {
  const Ref dict = evaluate("{'status': 1}");
  EXPECT_TRUE(find_item(Gil::held(), dict.get(), names().status));
  EXPECT_FALSE(find_item(Gil::held(), dict.get(), names().headers));
  EXPECT_TRUE(find_attribute(Gil::held(), evaluate("open('/dev/null')").get(), names().close));
  EXPECT_FALSE(find_attribute(Gil::held(), dict.get(), names().close));
  EXPECT_EQ(PyErr_Occurred(), nullptr);
}

TEST_F(GilTest, AForkedChildKnowsThatItIsOne) {
  watch_forks();
  EXPECT_FALSE(in_forked_child());
  EXPECT_EXIT(
      {
        after_fork_in_child();
        if (in_forked_child()) end_forked_child();
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace winghorn::gil
