// Slots and handles, conversions of plain values, and the one place where C++ exceptions become JavaScript's.
#include "env.h"

#include <cmath>

#include "dispatch.h"
#include "engine.h"

namespace sconce {

namespace {

thread_local Env* current_env = nullptr;

[[noreturn]] void wrong_kind(Env& env, const char* expected, napi_value value) {
  throw ArgumentError(std::string("must be ") + expected + ", got " + describe(env, value));
}

// keeps the first line of libtorch's message: what follows is C++ file names and frames
std::string first_line(std::string message) {
  auto end = message.find("\nException raised from");
  if (end != std::string::npos) message.resize(end);
  // what follows a missing kernel lists every backend of the build
  auto backends = message.find(" This could be because the operator doesn't exist for this backend");
  if (backends != std::string::npos) message.resize(backends);
  return message;
}

void throw_to_js(Env& env, const std::string& message) {
  bool pending = false;
  napi_is_exception_pending(env.napi, &pending);
  if (pending) return;
  napi_value text = from_string(env, message), error;
  napi_value error_class = nullptr;
  if (env.error_class != nullptr) napi_get_reference_value(env.napi, env.error_class, &error_class);
  if (error_class == nullptr || napi_new_instance(env.napi, error_class, 1, &text, &error) != napi_ok) {
    napi_create_error(env.napi, nullptr, text, &error);
  }
  napi_throw(env.napi, error);
}

}  // namespace

Env::Env(napi_env napi)
    : napi(napi), thread(std::make_shared<JsThread>(*this)), graph(std::make_shared<GraphState>()) {}

Env::~Env() {
  thread->close();
  for (auto& slot : slots_) slot.tensor.reset();
}

Env& Env::current() { return *current_env; }
Env* Env::current_or_null() { return current_env; }
void Env::install(Env* env) { current_env = env; }

int32_t Env::put(at::Tensor tensor) {
  uint32_t index;
  if (free_.size() > kResting || slots_.size() > kIndexMask) {
    if (free_.empty()) throw std::runtime_error("more than 4,194,303 tensors are alive. Free them with torch.scope().");
    index = free_.front();
    free_.pop_front();
  } else {
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  Slot& slot = slots_[index];
  slot.tensor = std::move(tensor);
  slot.live = true;
  live++;
  if (scope_depth > 0) created.push_back({index, slot.serial});
  return static_cast<int32_t>(((slot.serial & kSerialMask) << kIndexBits) | index);
}

Slot* Env::find(int32_t handle) {
  uint32_t index = index_of(handle);
  if (index >= slots_.size()) return nullptr;
  Slot& slot = slots_[index];
  bool same = (slot.serial & kSerialMask) == (static_cast<uint32_t>(handle) >> kIndexBits);
  return slot.live && same ? &slot : nullptr;
}

const at::Tensor& Env::get(int32_t handle) {
  Slot* slot = find(handle);
  if (slot == nullptr) {
    throw ArgumentError("is a tensor that was disposed. Return it from torch.scope(), or keep it with torch.keep()");
  }
  return slot->tensor;
}

void Env::drop(uint32_t index, uint64_t serial) {
  Slot& slot = slots_[index];
  if (!slot.live || slot.serial != serial) return;
  if (slot.external != 0) {
    int64_t total;
    napi_adjust_external_memory(napi, -slot.external, &total);
  }
  slot.tensor.reset();
  slot.external = 0;
  slot.live = slot.tracked = false;
  slot.serial++;
  live--;
  free_.push_back(index);
}

void Env::drop(int32_t handle) {
  if (Slot* slot = find(handle)) drop(index_of(handle), slot->serial);
}

void check(napi_status status, const char* what) {
  if (status == napi_ok) return;
  if (status == napi_pending_exception) throw PendingException();
  throw std::runtime_error(std::string("Node-API: ") + what + " failed with status " + std::to_string(status));
}

napi_valuetype type_of(Env& env, napi_value value) {
  napi_valuetype type;
  check(napi_typeof(env.napi, value, &type), "typeof");
  return type;
}

bool is_nullish(Env& env, napi_value value) {
  auto type = type_of(env, value);
  return type == napi_undefined || type == napi_null;
}

double to_double(Env& env, napi_value value) {
  double number;
  if (napi_get_value_double(env.napi, value, &number) == napi_ok) return number;
  wrong_kind(env, "a number", value);
}

int64_t to_int64(Env& env, napi_value value) {
  double number;
  if (napi_get_value_double(env.napi, value, &number) == napi_ok) {
    if (std::abs(number) <= 9007199254740992.0 && number == std::trunc(number)) return static_cast<int64_t>(number);
    wrong_kind(env, "a whole number within 2^53 (or a bigint)", value);
  }
  int64_t big;
  bool lossless;
  if (napi_get_value_bigint_int64(env.napi, value, &big, &lossless) == napi_ok) {
    if (lossless) return big;
    wrong_kind(env, "a bigint of 64 bits", value);
  }
  bool boolean;
  if (napi_get_value_bool(env.napi, value, &boolean) == napi_ok) return boolean;
  wrong_kind(env, "a whole number", value);
}

int32_t to_int32(Env& env, napi_value value) {
  int64_t number = to_int64(env, value);
  if (number != static_cast<int32_t>(number)) wrong_kind(env, "a whole number of 32 bits", value);
  return static_cast<int32_t>(number);
}

bool to_bool(Env& env, napi_value value) {
  bool boolean;
  if (napi_get_value_bool(env.napi, value, &boolean) == napi_ok) return boolean;
  wrong_kind(env, "a boolean", value);
}

std::string to_string(Env& env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env.napi, value, nullptr, 0, &length) != napi_ok) wrong_kind(env, "a string", value);
  std::string text(length, '\0');
  check(napi_get_value_string_utf8(env.napi, value, text.data(), length + 1, &length), "read string");
  return text;
}

uint32_t array_length(Env& env, napi_value value) {
  uint32_t length;
  if (napi_get_array_length(env.napi, value, &length) != napi_ok) wrong_kind(env, "an array", value);
  return length;
}

napi_value element(Env& env, napi_value array, uint32_t i) {
  napi_value value;
  check(napi_get_element(env.napi, array, i, &value), "read element");
  return value;
}

std::vector<int64_t> to_sizes(Env& env, napi_value value) {
  uint32_t length = array_length(env, value);
  std::vector<int64_t> sizes;  // not reserved: a sparse array may claim a length of 2^32
  for (uint32_t i = 0; i < length; i++) sizes.push_back(to_int64(env, element(env, value, i)));
  return sizes;
}

std::string describe(Env& env, napi_value value) {
  auto type = type_of(env, value);
  switch (type) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_function: return "a function";
    case napi_symbol: return "a symbol";
    case napi_external: return "an external value";
    case napi_string: {
      std::string text = to_string(env, value);
      if (text.size() > 60) text = text.substr(0, 57) + "...";
      return '"' + text + '"';
    }
    case napi_object: {
      bool is_array = false, is_typed_array = false;
      napi_is_array(env.napi, value, &is_array);
      napi_is_typedarray(env.napi, value, &is_typed_array);
      return is_array ? "an array" : is_typed_array ? "a typed array" : "an object";
    }
    default: {
      napi_value text;
      check(napi_coerce_to_string(env.napi, value, &text), "describe");
      return to_string(env, text) + (type == napi_bigint ? "n" : "");
    }
  }
}

const at::Tensor& to_tensor(Env& env, napi_value value) {
  int32_t handle;
  if (napi_get_value_int32(env.napi, value, &handle) != napi_ok || handle == 0) wrong_kind(env, "a Tensor", value);
  return env.get(handle);
}

at::Tensor to_optional_tensor(Env& env, napi_value value) {
  int32_t handle;
  if (napi_get_value_int32(env.napi, value, &handle) == napi_ok) return handle == 0 ? at::Tensor() : env.get(handle);
  if (!is_nullish(env, value)) wrong_kind(env, "a Tensor or null", value);
  return at::Tensor();
}

std::vector<at::Tensor> to_tensors(Env& env, napi_value value) {
  uint32_t length = array_length(env, value);
  std::vector<at::Tensor> tensors;
  for (uint32_t i = 0; i < length; i++) tensors.push_back(to_tensor(env, element(env, value, i)));
  return tensors;
}

at::ScalarType to_dtype(Env& env, napi_value value) {
  int32_t code = to_int32(env, value);
  if (code < 0 || code >= static_cast<int>(at::ScalarType::NumOptions)) wrong_kind(env, "a dtype", value);
  return static_cast<at::ScalarType>(code);
}

at::Scalar to_scalar(Env& env, napi_value value) {
  switch (type_of(env, value)) {
    case napi_number: {
      double number = to_double(env, value);
      bool whole = std::abs(number) < 9.2e18 && number == std::trunc(number) && !(number == 0 && std::signbit(number));
      return whole ? at::Scalar(static_cast<int64_t>(number)) : at::Scalar(number);
    }
    case napi_boolean: return to_bool(env, value);
    case napi_bigint: {
      uint64_t big;
      bool lossless;
      check(napi_get_value_bigint_uint64(env.napi, value, &big, &lossless), "read bigint");
      return lossless ? at::Scalar(big) : at::Scalar(to_int64(env, value));
    }
    case napi_object: {
      bool has_re = false, has_im = false;
      check(napi_has_named_property(env.napi, value, "re", &has_re), "read re");
      check(napi_has_named_property(env.napi, value, "im", &has_im), "read im");
      if (!has_re || !has_im) break;
      napi_value re, im;
      check(napi_get_named_property(env.napi, value, "re", &re), "read re");
      check(napi_get_named_property(env.napi, value, "im", &im), "read im");
      return c10::complex<double>(to_double(env, re), to_double(env, im));
    }
    default: break;
  }
  wrong_kind(env, "a number, boolean, bigint or { re, im }", value);
}

napi_value undefined(Env& env) {
  napi_value value;
  check(napi_get_undefined(env.napi, &value), "undefined");
  return value;
}

napi_value from_double(Env& env, double number) {
  napi_value value;
  check(napi_create_double(env.napi, number, &value), "create number");
  return value;
}

napi_value from_int64(Env& env, int64_t number) {
  napi_value value;
  check(napi_create_int64(env.napi, number, &value), "create number");
  return value;
}

napi_value from_exact_int64(Env& env, int64_t number) {
  if (number >= -9007199254740992LL && number <= 9007199254740992LL) return from_int64(env, number);
  napi_value big;
  check(napi_create_bigint_int64(env.napi, number, &big), "create bigint");
  return big;
}

napi_value from_scalar(Env& env, const at::Scalar& scalar) {
  if (scalar.isBoolean()) return from_bool(env, scalar.toBool());
  if (scalar.isFloatingPoint()) return from_double(env, scalar.toDouble());
  if (scalar.isUnsigned() && scalar.toUInt64() > static_cast<uint64_t>(INT64_MAX)) {
    napi_value big;
    check(napi_create_bigint_uint64(env.napi, scalar.toUInt64(), &big), "create bigint");
    return big;
  }
  if (!scalar.isComplex()) return from_exact_int64(env, scalar.toLong());
  auto number = scalar.toComplexDouble();
  napi_value object;
  check(napi_create_object(env.napi, &object), "create object");
  set_property(env, object, "re", from_double(env, number.real()));
  set_property(env, object, "im", from_double(env, number.imag()));
  return object;
}

napi_value from_bool(Env& env, bool boolean) {
  napi_value value;
  check(napi_get_boolean(env.napi, boolean, &value), "create boolean");
  return value;
}

napi_value from_string(Env& env, const std::string& text) {
  napi_value value;
  check(napi_create_string_utf8(env.napi, text.data(), text.size(), &value), "create string");
  return value;
}

napi_value from_tensor(Env& env, at::Tensor tensor) {
  napi_value value;
  check(napi_create_int32(env.napi, tensor.defined() ? env.put(std::move(tensor)) : 0, &value), "create handle");
  return value;
}

napi_value from_sizes(Env& env, at::IntArrayRef sizes) {
  napi_value array = new_array(env, sizes.size());
  for (size_t i = 0; i < sizes.size(); i++) set_element(env, array, i, from_int64(env, sizes[i]));
  return array;
}

napi_value new_array(Env& env, size_t length) {
  napi_value array;
  check(napi_create_array_with_length(env.napi, length, &array), "create array");
  return array;
}

void set_element(Env& env, napi_value array, uint32_t i, napi_value value) {
  check(napi_set_element(env.napi, array, i, value), "set element");
}

void set_property(Env& env, napi_value object, const char* name, napi_value value) {
  check(napi_set_named_property(env.napi, object, name, value), name);
}

napi_value call_guarded(Function function, napi_env napi, napi_callback_info info) {
  Env& env = Env::current();
  env.current_op = nullptr;
  env.current_argument = nullptr;
  if (env.thread->has_discarded()) env.thread->release_discarded();
  Args args(napi, info);
  try {
    return function(env, args);
  } catch (const PendingException&) {
    // the exception is JavaScript's own
  } catch (const JsError& error) {
    napi_throw(napi, error.value(env));
  } catch (const ArgumentError& error) {
    std::string place = (env.current_op ? env.current_op->name : args.function) + ": ";
    std::string argument = env.current_argument ? std::string("argument \"") + env.current_argument + "\" " : "argument ";
    throw_to_js(env, place + argument + error.what() + ".");
  } catch (const c10::Error& error) {
    throw_to_js(env, with_context(env, args, first_line(error.what_without_backtrace())));
  } catch (const std::bad_alloc&) {
    throw_to_js(env, with_context(env, args, "out of memory"));
  } catch (const std::exception& error) {
    throw_to_js(env, with_context(env, args, first_line(error.what())));
  } catch (...) {
    throw_to_js(env, with_context(env, args, "an unknown C++ exception was thrown"));
  }
  return nullptr;
}

}  // namespace sconce
