// SPDX-License-Identifier: MIT
#include "python/module/config_binding.h"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/config/make_settings.h"
#include "core/config/print_config.h"
#include "core/config/settings_page.h"
#include "core/config/settings_table.h"
#include "core/config/validate.h"
#include "core/config/words.h"

namespace nb = nanobind;

namespace winghorn {
namespace {

using config::Given;
using config::Kind;
using config::LoadedSettings;
using config::Opaque;
using config::Origin;
using config::Pairs;
using config::Setting;
using config::Strings;
using config::Value;

// ---- text: what Python cannot decode (an argument's stray bytes) survives there and back

nb::str to_python(std::string_view text) {
  PyObject* object =
      PyUnicode_DecodeFSDefaultAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
  if (object == nullptr) throw nb::python_error();
  return nb::steal<nb::str>(object);
}

std::string to_text(nb::handle str) {
  const nb::object bytes = nb::steal(PyUnicode_EncodeFSDefault(str.ptr()));
  if (!bytes.is_valid()) throw nb::python_error();
  return {PyBytes_AS_STRING(bytes.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
}

// str(object), also of objects that will not be printed.
std::string printed(nb::handle object) {
  const nb::object text = nb::steal(PyObject_Str(object.ptr()));
  if (text.is_valid()) return to_text(text);
  PyErr_Clear();
  return std::string("<") + Py_TYPE(object.ptr())->tp_name + " object>";
}

// ---- values

Opaque opaque(nb::handle object, std::string culprit = {}) {
  return {printed(object), Py_TYPE(object.ptr())->tp_name, std::move(culprit), {}};
}

Value list_value(nb::handle sequence) {
  Strings items;
  for (const nb::handle item : sequence) {
    if (!PyUnicode_Check(item.ptr())) {
      Opaque list = opaque(sequence, printed(item));
      list.type = "list";
      return list;
    }
    items.push_back(to_text(item));
  }
  return items;
}

Value dict_value(nb::handle dict) {
  Pairs pairs;
  for (const auto& [key, value] : nb::borrow<nb::dict>(dict)) {
    for (const nb::handle part : {nb::handle(key), nb::handle(value)}) {
      if (!PyUnicode_Check(part.ptr())) return opaque(dict, printed(part));
    }
    pairs.emplace_back(to_text(key), to_text(value));
  }
  return pairs;
}

// The numbers as text: whether they are seconds is for the check to say.
Value durations_value(nb::handle dict) {
  Pairs pairs;
  for (const auto& [path, seconds] : nb::borrow<nb::dict>(dict)) {
    PyObject* const number = nb::handle(seconds).ptr();
    const bool is_number = (PyLong_Check(number) || PyFloat_Check(number)) && !PyBool_Check(number);
    if (!PyUnicode_Check(nb::handle(path).ptr())) return opaque(dict, printed(path));
    if (!is_number) return opaque(dict, printed(seconds));
    pairs.emplace_back(to_text(path), to_text(nb::str(seconds)));
  }
  return pairs;
}

Value integer_value(nb::handle number) {
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow != 0) return opaque(number);
  return static_cast<std::int64_t>(value);
}

// A function as gunicorn prints it.
Value callable_value(nb::handle object) {
  Value value = opaque(object);
  const nb::object name = nb::getattr(object, "__qualname__", nb::none());
  if (PyUnicode_Check(name.ptr())) std::get<Opaque>(value).text = "<" + to_text(name) + "()>";
  return value;
}

Value to_value(nb::handle object, const Setting& setting) {
  PyObject* raw = object.ptr();
  // In the place of what only Python can judge: it says why that is refused.
  if (PyExceptionInstance_Check(raw)) {
    Opaque refused = opaque(object);
    refused.refusal = refused.text;
    return refused;
  }
  if (setting.kind == Kind::Callable) return callable_value(object);
  if (raw == Py_None) return std::monostate{};
  if (PyBool_Check(raw)) return raw == Py_True;
  if (PyLong_Check(raw)) return integer_value(object);
  if (PyFloat_Check(raw)) return PyFloat_AS_DOUBLE(raw);
  if (PyUnicode_Check(raw)) return to_text(object);
  if (PyList_Check(raw) || PyTuple_Check(raw) || PyAnySet_Check(raw)) return list_value(object);
  if (PyDict_Check(raw)) {
    if (setting.kind == Kind::Dict && PyDict_GET_SIZE(raw) > 0) return opaque(object);
    return setting.kind == Kind::Durations ? durations_value(object) : dict_value(object);
  }
  return opaque(object);
}

// Enough of a value to say what kind of thing it is: the names of a config file's own may stand for
// anything, and are not to be printed.
Value sketch(nb::handle object) {
  PyObject* raw = object.ptr();
  if (PyList_Check(raw) || PyTuple_Check(raw)) return Strings{};
  if (PyDict_Check(raw)) return Pairs{};
  const bool plain =
      raw == Py_None || PyLong_Check(raw) || PyFloat_Check(raw) || PyUnicode_Check(raw);
  if (plain) return std::monostate{};
  return Opaque{{}, Py_TYPE(raw)->tp_name, {}, {}};
}

// ---- rows

constexpr std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::Integer:
      return "integer";
    case Kind::Octal:
      return "octal";
    case Kind::Decimal:
      return "decimal";
    case Kind::Flag:
      return "flag";
    case Kind::TextList:
      return "list";
    case Kind::Callable:
      return "callable";
    case Kind::Dict:
    case Kind::Class:
      return "object";
    default:
      return "text";
  }
}

nb::list words(std::string_view text) {
  nb::list out;
  for (const std::string& word : config::split(text, ' ')) out.append(to_python(word));
  return out;
}

// As it would be given on the command line.
std::string default_text(const Setting& setting) {
  const Value value = config::default_value(setting);
  const auto* items = std::get_if<Strings>(&value);
  if (items == nullptr) return config::str(value);
  std::string out;
  for (const std::string& item : *items) out += out.empty() ? item : "," + item;
  return out;
}

nb::dict row(const Setting& setting) {
  nb::dict out;
  out["name"] = to_python(setting.name);
  out["section"] = to_python(setting.section);
  out["flags"] = words(setting.flags);
  out["metavar"] = to_python(setting.metavar);
  out["kind"] = to_python(kind_name(setting.kind));
  out["works"] = setting.availability == config::Availability::Works;
  out["default"] = to_python(default_text(setting));
  out["help"] = to_python(setting.help);
  out["stores"] = !setting.stores_false;
  const std::vector<std::string> choices = config::split(setting.choices, ' ');
  out["bare_value"] = setting.optional_value ? nb::object(to_python(choices.back())) : nb::none();
  out["arity"] = setting.arity;
  out["needs_restart"] = setting.effect == config::Effect::Restart;
  out["variable"] = to_python(setting.variable);
  out["variable_prefix"] = to_python(setting.variable_prefix);
  return out;
}

nb::list rows() {
  nb::list out;
  for (const Setting& setting : config::all_settings()) out.append(row(setting));
  return out;
}

// ---- making settings

Origin to_origin(std::string_view name) {
  if (name == "environment") return Origin::Environment;
  if (name == "config file") return Origin::ConfigFile;
  if (name == "arguments variable") return Origin::ArgumentsVariable;
  if (name == "command line") return Origin::CommandLine;
  throw nb::value_error(
      "an origin is 'environment', 'config file', 'arguments variable' or 'command line'");
}

Given to_given(nb::handle item) {
  const auto parts = nb::cast<nb::tuple>(item);
  if (parts.size() != 4) throw nb::value_error("a value is (name, value, origin, where)");
  std::string name = to_text(nb::cast<nb::str>(parts[0]));
  const Setting* const setting = config::find_setting(name);
  Value value = setting != nullptr ? to_value(parts[1], *setting) : sketch(parts[1]);
  const Origin origin = to_origin(to_text(nb::cast<nb::str>(parts[2])));
  return {std::move(name), std::move(value), {origin, to_text(nb::cast<nb::str>(parts[3]))}};
}

[[noreturn]] void raise_settings_error(nb::handle error_class, const Strings& complaints) {
  nb::list lines;
  for (const std::string& complaint : complaints) lines.append(to_python(complaint));
  const nb::object arguments = nb::steal(PyList_AsTuple(lines.ptr()));
  PyErr_SetObject(error_class.ptr(), arguments.ptr());
  throw nb::python_error();
}

LoadedSettings make(nb::handle error_class, const nb::iterable& values, const nb::str& directory,
                    const nb::str& config_file, const nb::iterable& warnings) {
  std::vector<Given> given;
  for (const nb::handle item : values) given.push_back(to_given(item));
  config::Start start{to_text(directory), to_text(config_file)};
  for (const nb::handle warning : warnings) {
    start.warnings.push_back(to_text(nb::cast<nb::str>(warning)));
  }
  auto made = config::make_settings(given, start);
  if (const auto* complaints = std::get_if<Strings>(&made)) {
    raise_settings_error(error_class, *complaints);
  }
  return std::get<LoadedSettings>(std::move(made));
}

// ---- the Settings object

nb::list to_list(const Strings& items) {
  nb::list out;
  for (const std::string& item : items) out.append(to_python(item));
  return out;
}

nb::dict to_dict(const Pairs& pairs) {
  nb::dict out;
  for (const auto& [key, value] : pairs) out[to_python(key)] = to_python(value);
  return out;
}

nb::object to_object(const Value& value) {
  if (const auto* yes = std::get_if<bool>(&value)) return nb::bool_(*yes);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return nb::int_(*number);
  if (const auto* number = std::get_if<double>(&value)) return nb::float_(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return to_python(*text);
  if (const auto* items = std::get_if<Strings>(&value)) return to_list(*items);
  if (const auto* pairs = std::get_if<Pairs>(&value)) return to_dict(*pairs);
  if (const auto* object = std::get_if<Opaque>(&value)) return to_python(object->text);
  return nb::none();
}

nb::dict values_of(const LoadedSettings& loaded) {
  nb::dict out;
  for (const auto& [name, value] : loaded.values) out[to_python(name)] = to_object(value);
  return out;
}

// A property that reads one member of config::Settings by `convert`.
template <class Member, class Convert>
auto reader(Member member, Convert convert) {
  return
      [member, convert](const LoadedSettings& loaded) { return convert(loaded.settings.*member); };
}

// As gunicorn has it in cfg.statsd_host.
nb::object statsd_address(const LoadedSettings& loaded) {
  const config::Settings& settings = loaded.settings;
  if (settings.statsd_host.empty()) return nb::none();
  nb::object host = to_python(settings.statsd_host);
  if (settings.statsd_port == 0) return host;
  return nb::make_tuple(host, settings.statsd_port);
}

void bind_settings_class(nb::module_& module) {
  using S = config::Settings;
  const auto text = [](const std::string& value) { return to_python(value); };
  const auto flag = [](bool value) { return value; };
  nb::class_<LoadedSettings>(module, "Settings")
      .def_prop_ro("wsgi_app", reader(&S::wsgi_app, text))
      .def_prop_ro("paste", reader(&S::paste, text))
      .def_prop_ro("paste_global_conf", reader(&S::paste_global_conf, to_dict))
      .def_prop_ro("config_file", reader(&S::config_file, text))
      .def_prop_ro("chdir", reader(&S::chdir, text))
      .def_prop_ro("proc_name", reader(&S::proc_name, text))
      .def_prop_ro("pythonpath", reader(&S::pythonpath, to_list))
      .def_prop_ro("reload_extra_files", reader(&S::reload_extra_files, to_list))
      .def_prop_ro("environment", reader(&S::environment, to_dict))
      .def_prop_ro("check_config", reader(&S::check_config, flag))
      .def_prop_ro("print_config", reader(&S::print_config, flag))
      .def_prop_ro("worker_class", reader(&S::worker_class_name, text))
      .def_prop_ro("logs_by_python", reader(&S::logs_by_python, flag))
      .def_prop_ro("statsd_address", &statsd_address)
      .def_prop_ro("warnings", reader(&S::warnings, to_list))
      .def("values", &values_of);
}

}  // namespace

void bind_config(nb::module_& module) {
  const nb::object error_class = nb::steal(PyErr_NewExceptionWithDoc(
      "winghorn._core.SettingsError",
      "The configuration is wrong; args are complaints, a line each.", PyExc_Exception, nullptr));
  // str() is what a log shows: the complaints, not the tuple of them.
  error_class.attr("__str__") = nb::cpp_function(
      [](nb::handle self) {
        nb::list lines;
        for (const nb::handle line : self.attr("args")) lines.append(line);
        return nb::str("\n").attr("join")(lines);
      },
      nb::is_method());
  module.attr("SettingsError") = error_class;
  bind_settings_class(module);
  module.def("settings", &rows);
  module.def(
      "make_settings",
      [error = nb::handle(error_class)](const nb::iterable& values, const nb::str& directory,
                                        const nb::str& config_file, const nb::iterable& warnings) {
        return make(error, values, directory, config_file, warnings);
      },
      nb::arg("values"), nb::arg("directory"), nb::arg("config_file"), nb::arg("warnings"));
  module.def("print_config",
             [](const LoadedSettings& loaded) { return to_python(config::print_config(loaded)); });
  module.def("settings_page", [] { return to_python(config::settings_page()); });
  module.def("nearest_flag",
             [](const nb::str& flag) { return to_python(config::nearest_flag(to_text(flag))); });
}

}  // namespace winghorn
