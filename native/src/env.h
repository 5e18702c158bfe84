// State of the addon in one JavaScript environment (the main thread or a worker), and the helpers
// that every other file uses to talk to JavaScript. No libtorch operators are called here.
#pragma once
#ifndef NAPI_EXPERIMENTAL
#define NAPI_EXPERIMENTAL  // node_api_basic_finalize: finalizers that run inside the garbage collector
#define NODE_API_EXPERIMENTAL_NO_WARNING
#endif
#include <node_api.h>

#include <ATen/ATen.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace sconce {

struct Op;
struct GraphState;
class JsThread;

// One tensor that JavaScript can name. `serial` counts the tensors that the slot has held; its low bits
// are in the handle, so that a handle of a disposed tensor is recognised.
struct Slot {
  at::Tensor tensor;
  uint64_t serial = 1;
  int64_t external = 0;  // bytes reported to the garbage collector
  bool live = false;
  bool tracked = false;  // owned by a JavaScript object's finalizer, so scopes leave it alone
};

// A tensor made while a scope was open.
struct Created {
  uint32_t index;
  uint64_t serial;
};

// References to JavaScript values that the memory of tensors came from. A tensor may die on any thread and inside
// the garbage collector, where a reference may not be deleted, so they wait here for JavaScript's thread.
class Releases {
 public:
  void add(napi_ref reference) {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(reference);
  }
  void drain(napi_env napi) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (napi_ref reference : waiting_) napi_delete_reference(napi, reference);
    waiting_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<napi_ref> waiting_;
};

class Env {
 public:
  explicit Env(napi_env napi);
  ~Env();

  napi_env napi;
  napi_ref error_class = nullptr;
  int scope_depth = 0;
  int64_t live = 0;
  std::vector<Created> created;
  std::vector<std::string> op_names;
  std::vector<std::unique_ptr<Op>> ops;
  std::vector<at::Generator> generators;
  std::vector<std::shared_ptr<void>> mappings;
  const std::shared_ptr<JsThread> thread;
  const std::shared_ptr<GraphState> graph;
  const std::shared_ptr<Releases> released = std::make_shared<Releases>();

  // called with each tensor before an operator writes to it, where old values must be kept; else empty
  std::function<void(const at::Tensor&)> before_write;

  // what is being called, for the error message
  const Op* current_op = nullptr;
  const char* current_argument = nullptr;

  int32_t put(at::Tensor tensor);
  const at::Tensor& get(int32_t handle);
  Slot* find(int32_t handle);
  void drop(uint32_t index, uint64_t serial);
  void drop(int32_t handle);
  uint32_t index_of(int32_t handle) const { return static_cast<uint32_t>(handle) & kIndexMask; }
  Slot& slot(uint32_t index) { return slots_[index]; }
  // every tensor that JavaScript can name
  template <typename Visit>
  void for_each_live(Visit visit) const {
    for (const auto& slot : slots_) {
      if (slot.live) visit(slot.tensor);
    }
  }

  // the environment of the calling thread
  static Env& current();
  static Env* current_or_null();
  static void install(Env* env);

 private:
  // 22 bits of index and 9 of serial make a handle that V8 stores as a small integer
  static constexpr uint32_t kIndexBits = 22;
  static constexpr uint32_t kIndexMask = (1u << kIndexBits) - 1;
  static constexpr uint64_t kSerialMask = (1u << 9) - 1;
  // a slot rests until this many others are free, so that stale handles are recognised for long
  static constexpr size_t kResting = 1024;

  std::deque<Slot> slots_{1};  // slot 0 is never used: handle 0 means "undefined tensor"
  std::deque<uint32_t> free_;
};

// Thrown when JavaScript already has an exception pending (a getter or callback that threw).
struct PendingException {};

// A mistake in the arguments of a call.
struct ArgumentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check(napi_status status, const char* what);

// Arguments of one call from JavaScript.
class Args {
 public:
  static constexpr size_t kMax = 40;
  Args(napi_env env, napi_callback_info info) {
    void* name = nullptr;
    napi_get_cb_info(env, info, &count_, values_, nullptr, &name);
    function = static_cast<const char*>(name);
  }
  // a missing argument reads as undefined
  napi_value operator[](size_t i) const { return values_[i]; }
  size_t size() const { return count_; }
  // what JavaScript called
  const char* function;

 private:
  size_t count_ = kMax;
  napi_value values_[kMax];
};

// Reading JavaScript values: each throws ArgumentError when the value is of another kind
napi_valuetype type_of(Env& env, napi_value value);
bool is_nullish(Env& env, napi_value value);
double to_double(Env& env, napi_value value);
int64_t to_int64(Env& env, napi_value value);
int32_t to_int32(Env& env, napi_value value);
bool to_bool(Env& env, napi_value value);
std::string to_string(Env& env, napi_value value);
uint32_t array_length(Env& env, napi_value value);
napi_value element(Env& env, napi_value array, uint32_t i);
std::vector<int64_t> to_sizes(Env& env, napi_value value);
std::string describe(Env& env, napi_value value);
// handle 0, null and undefined give an undefined tensor
at::Tensor to_optional_tensor(Env& env, napi_value value);
const at::Tensor& to_tensor(Env& env, napi_value value);
std::vector<at::Tensor> to_tensors(Env& env, napi_value value);
at::ScalarType to_dtype(Env& env, napi_value value);
// a whole number is an integer, as JavaScript has no 1.0; {re, im} is complex
at::Scalar to_scalar(Env& env, napi_value value);

// Making JavaScript values.
napi_value undefined(Env& env);
napi_value from_double(Env& env, double value);
napi_value from_int64(Env& env, int64_t value);
// a bigint where a number would round
napi_value from_exact_int64(Env& env, int64_t value);
napi_value from_scalar(Env& env, const at::Scalar& value);
napi_value from_bool(Env& env, bool value);
napi_value from_string(Env& env, const std::string& value);
napi_value from_tensor(Env& env, at::Tensor tensor);
napi_value from_sizes(Env& env, at::IntArrayRef sizes);
napi_value new_array(Env& env, size_t length);
void set_element(Env& env, napi_value array, uint32_t i, napi_value value);
void set_property(Env& env, napi_value object, const char* name, napi_value value);

// Exporting functions.
using Function = napi_value (*)(Env&, const Args&);
napi_value call_guarded(Function function, napi_env env, napi_callback_info info);

// the one catch site wraps every exported function
template <Function function>
napi_value guarded(napi_env env, napi_callback_info info) {
  return call_guarded(function, env, info);
}

template <Function function>
void define(Env& env, napi_value exports, const char* name) {
  napi_value value;
  check(napi_create_function(env.napi, name, NAPI_AUTO_LENGTH, guarded<function>, const_cast<char*>(name), &value), name);
  check(napi_set_named_property(env.napi, exports, name, value), name);
}

}  // namespace sconce
