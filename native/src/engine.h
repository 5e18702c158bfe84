// The autograd engine as this addon runs it.
#pragma once
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/saved_variable_hooks.h>

#include <functional>

#include "callbacks.h"

namespace sconce {

// an owning pointer to a node of a graph, whatever this libtorch uses for one
using NodePtr = std::decay_t<decltype(torch::autograd::Edge::function)>;

struct JsFunction;

// makes the hooks of one tensor that a graph saves
using MakeSavedHooks = std::function<std::unique_ptr<torch::autograd::SavedVariableHooks>()>;

// What graphs know of one JavaScript environment.
struct GraphState {
  std::vector<MakeSavedHooks> saved_hooks;                  // innermost last
  std::vector<std::unique_ptr<c10::InferenceMode>> inference;
  std::vector<std::pair<int64_t, JsFunction*>> applying;    // custom functions whose backward runs now
  int64_t applied = 0;
  std::vector<at::Tensor> delivered;                        // what the callback that returns now gives back
  JsRefPtr describe_forward;  // (module, error) -> text; set in anomaly mode
  std::string module;         // whose forward runs now; known in anomaly mode alone
  std::string failure;        // where the node that failed last was made
};

template <typename T>
napi_value to_external(Env& env, T value) {
  napi_value external;
  auto* held = new T(std::move(value));
  auto status = napi_create_external(
      env.napi, held, [](node_api_basic_env, void* data, void*) { delete static_cast<T*>(data); }, nullptr, &external);
  if (status != napi_ok) delete held;
  check(status, "create external");
  return external;
}

template <typename T>
T& from_external(Env& env, napi_value value) {
  void* data = nullptr;
  if (napi_get_value_external(env.napi, value, &data) != napi_ok) {
    throw ArgumentError("must be what the addon gave, got " + describe(env, value));
  }
  return *static_cast<T*>(data);
}

// runs `work`, which executes the graph of `roots`: here, or where device threads may call JavaScript meanwhile
void run_graph(Env& env, const torch::autograd::edge_list& roots, const std::function<void()>& work);

}  // namespace sconce
