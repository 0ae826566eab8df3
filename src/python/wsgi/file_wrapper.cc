// SPDX-License-Identifier: MIT
#include "python/wsgi/file_wrapper.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "python/gil/compat.h"
#include "python/gil/names.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::names;
using gil::Ref;

struct FileWrapper {
  PyObject_HEAD PyObject* filelike;
  PyObject* block_size;
};

FileWrapper* self_of(PyObject* object) { return reinterpret_cast<FileWrapper*>(object); }

PyObject* create(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  static const char* names_of_arguments[] = {"filelike", "blksize", nullptr};
  PyObject* filelike = nullptr;
  int block_size = 8192;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|i:file_wrapper",
                                   const_cast<char**>(names_of_arguments), &filelike,
                                   &block_size)) {
    return nullptr;
  }
  Ref made = Ref::steal(type->tp_alloc(type, 0));
  if (!made) return nullptr;
  self_of(made.get())->filelike = Ref::share(filelike).release();
  self_of(made.get())->block_size = PyLong_FromLong(block_size);
  return self_of(made.get())->block_size == nullptr ? nullptr : made.release();
}

int traverse(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(self_of(object)->filelike);
  return 0;
}

int clear(PyObject* object) {
  Py_CLEAR(self_of(object)->filelike);
  return 0;
}

void dealloc(PyObject* object) {
  PyObject_GC_UnTrack(object);
  clear(object);
  Py_CLEAR(self_of(object)->block_size);
  Py_TYPE(object)->tp_free(object);
}

PyObject* next_block(PyObject* object) {
  const FileWrapper& self = *self_of(object);
  if (self.filelike == nullptr) return nullptr;
  Ref block =
      Ref::steal(PyObject_CallMethodObjArgs(self.filelike, names().read, self.block_size, nullptr));
  if (!block) return nullptr;
  const int more = PyObject_IsTrue(block.get());
  return more > 0 ? block.release() : nullptr;
}

// close() is the file's own, so that it is there exactly when the file has one.
PyObject* get_attribute(PyObject* object, PyObject* name) {
  PyObject* const filelike = self_of(object)->filelike;
  if (filelike != nullptr && PyUnicode_Check(name) && PyUnicode_Compare(name, names().close) == 0) {
    return PyObject_GetAttr(filelike, name);
  }
  return PyObject_GenericGetAttr(object, name);
}

PyObject* get_filelike(PyObject* object, void*) {
  return Ref::share(self_of(object)->filelike != nullptr ? self_of(object)->filelike : Py_None)
      .release();
}

PyObject* get_block_size(PyObject* object, void*) {
  return Ref::share(self_of(object)->block_size).release();
}

PyGetSetDef attributes[] = {
    {"filelike", get_filelike, nullptr, "The wrapped file.", nullptr},
    {"blksize", get_block_size, nullptr, "How many bytes one step reads.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyTypeObject make_type() {
  PyTypeObject type = gil::blank_type();
  type.tp_name = "winghorn._core.FileWrapper";
  type.tp_doc = "FileWrapper(filelike, blksize=8192): a file as the body of a response.";
  type.tp_basicsize = sizeof(FileWrapper);
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;
  type.tp_new = create;
  type.tp_dealloc = dealloc;
  type.tp_traverse = traverse;
  type.tp_clear = clear;
  type.tp_iter = PyObject_SelfIter;
  type.tp_iternext = next_block;
  type.tp_getattro = get_attribute;
  type.tp_getset = attributes;
  return type;
}

PyTypeObject file_wrapper = make_type();

// Python's own file types; made once.
struct FileTypes {
  Ref file_io;
  Ref buffered_reader;
  Ref buffered_random;
};

const FileTypes* file_types() {
  static FileTypes* const types = [] {
    auto* const made = new FileTypes;  // for the life of the process, like the types themselves
    if (const Ref io = Ref::steal(PyImport_ImportModule("io"))) {
      made->file_io = Ref::steal(PyObject_GetAttrString(io.get(), "FileIO"));
      made->buffered_reader = Ref::steal(PyObject_GetAttrString(io.get(), "BufferedReader"));
      made->buffered_random = Ref::steal(PyObject_GetAttrString(io.get(), "BufferedRandom"));
    }
    PyErr_Clear();
    return made;
  }();
  return types;
}

bool is_exactly(PyObject* object, const Ref& type) {
  return reinterpret_cast<PyObject*>(Py_TYPE(object)) == type.get();
}

bool is_plain(const Gil& gil, PyObject* file) {
  const FileTypes& types = *file_types();
  if (is_exactly(file, types.file_io)) return true;
  if (!is_exactly(file, types.buffered_reader) && !is_exactly(file, types.buffered_random))
    return false;
  const Ref raw = gil::find_attribute(gil, file, names().raw);
  return raw && is_exactly(raw.get(), types.file_io);
}

Ref plain_file(const Gil& gil, PyObject* filelike) {
  if (is_plain(gil, filelike)) return Ref::share(filelike);
  Ref inner = gil::find_attribute(gil, filelike, names().file);
  if (inner && is_plain(gil, inner.get())) return inner;
  return Ref();
}

// An integer that a method of the file gives; -1 with an error set otherwise.
long long ask(PyObject* file, PyObject* method) {
  const Ref answer = Ref::steal(PyObject_CallMethodNoArgs(file, method));
  return answer ? PyLong_AsLongLong(answer.get()) : -1;
}

std::optional<FilePart> rest_of(PyObject* file) {
  const long long descriptor = ask(file, names().fileno);
  if (descriptor < 0) return std::nullopt;
  struct stat about{};
  if (::fstat(static_cast<int>(descriptor), &about) != 0 || !S_ISREG(about.st_mode))
    return std::nullopt;
  if (about.st_size == 0) return std::nullopt;  // files of /proc say so and have bytes all the same
  if ((::fcntl(static_cast<int>(descriptor), F_GETFL) & O_ACCMODE) == O_WRONLY) return std::nullopt;
  // Not the descriptor's offset: a buffer may have read ahead of what the application saw.
  const long long position = ask(file, names().tell);
  if (position < 0) return std::nullopt;
  FilePart part;
  part.file.reset(::fcntl(static_cast<int>(descriptor), F_DUPFD_CLOEXEC, 0));
  if (!part.file) return std::nullopt;
  part.offset = static_cast<std::uint64_t>(position);
  part.length = about.st_size > position ? static_cast<std::uint64_t>(about.st_size - position) : 0;
  return part;
}

}  // namespace

bool ready_file_wrapper(const Gil&) { return PyType_Ready(&file_wrapper) == 0; }

PyObject* file_wrapper_type() { return reinterpret_cast<PyObject*>(&file_wrapper); }

bool is_file_wrapper(PyObject* object) { return Py_TYPE(object) == &file_wrapper; }

std::optional<FilePart> sendable_file(const Gil& gil, PyObject* wrapper) {
  PyObject* const filelike = self_of(wrapper)->filelike;
  const Ref file = filelike != nullptr ? plain_file(gil, filelike) : Ref();
  std::optional<FilePart> part;
  if (file) part = rest_of(file.get());
  PyErr_Clear();
  return part;
}

}  // namespace winghorn::wsgi
