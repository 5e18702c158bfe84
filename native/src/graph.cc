// What JavaScript sees of a graph: its nodes, and hooks on the gradients that pass through it.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/graph_task.h>

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "engine.h"
#include "modules.h"

namespace sconce {

namespace {

namespace autograd = torch::autograd;
using autograd::variable_list;

// One pass through a graph, which the engine knows on the thread that runs the hook alone.
struct Pass {
  int id = -1;
  const std::unordered_map<autograd::Node*, autograd::GraphTask::ExecInfo>* infos = nullptr;
  const std::unordered_set<autograd::Node*>* nodes = nullptr;

  static Pass current() {
    return {autograd::get_current_graph_task_id(), autograd::get_current_graph_task_exec_info(),
            autograd::get_current_graph_task_nodes_in_graph()};
  }
};

// the pass whose hook runs now on JavaScript's thread
thread_local Pass running;

class RunningPass {
 public:
  explicit RunningPass(const Pass& pass) : outer_(std::exchange(running, pass)) {}
  ~RunningPass() { running = outer_; }
  RunningPass(const RunningPass&) = delete;
  RunningPass& operator=(const RunningPass&) = delete;

 private:
  Pass outer_;
};

// Hooks of one place in the order of their registration. They may be added and removed while they run.
class HookSet {
 public:
  uint64_t add(JsRefPtr function) {
    hooks_.emplace_back(++last_, std::move(function));
    return last_;
  }

  void remove(uint64_t id) {
    std::erase_if(hooks_, [id](const auto& hook) { return hook.first == id; });
  }

  // calls `visit(env, function)` for each hook that was there at the start and still is
  template <typename Visit>
  void each(Visit visit) const {
    auto hooks = hooks_;
    Pass pass = Pass::current();
    for (const auto& hook : hooks) {
      bool present = std::any_of(hooks_.begin(), hooks_.end(), [&](const auto& other) { return other.first == hook.first; });
      if (!present) continue;
      hook.second->thread->call([&](Env& env) {
        HandleScope scope(env);
        RunningPass guard(pass);
        visit(env, hook.second->get(env));
      });
    }
  }

 private:
  std::vector<std::pair<uint64_t, JsRefPtr>> hooks_;
  uint64_t last_ = 0;
};

using HookSetPtr = std::shared_ptr<HookSet>;

napi_value to_handles(Env& env, const variable_list& tensors) {
  napi_value handles = new_array(env, tensors.size());
  for (size_t i = 0; i < tensors.size(); i++) set_element(env, handles, i, from_tensor(env, tensors[i]));
  return handles;
}

// replaces gradients by what a hook returned: undefined for no change, else as many handles
void replace(Env& env, variable_list& gradients, napi_value returned) {
  if (is_nullish(env, returned)) return;
  uint32_t length = array_length(env, returned);
  if (length != gradients.size()) {
    throw std::runtime_error("hook has returned an incorrect number of values (got " + std::to_string(length) +
                             ", but expected " + std::to_string(gradients.size()) + ")");
  }
  for (uint32_t i = 0; i < length; i++) {
    at::Tensor result = to_optional_tensor(env, element(env, returned, i));
    if (result.defined() && !gradients[i].defined()) {
      throw std::runtime_error("can't replace a null gradient with a non-null value");
    }
    if (result.defined()) autograd::check_variable_result(gradients[i], result, "hook");
    gradients[i] = result;
  }
}

// Hooks on tensors: the outputs of one node, or a leaf.
struct TensorHooks : autograd::FunctionPreHook {
  std::vector<std::pair<size_t, HookSetPtr>> outputs;

  variable_list operator()(const variable_list& gradients) override {
    variable_list results = gradients;
    auto all = outputs;
    for (const auto& [index, set] : all) {
      at::Tensor& gradient = results[index];
      if (!gradient.defined()) continue;
      set->each([&](Env& env, napi_value function) {
        at::Tensor result = to_optional_tensor(env, call_js(env, function, {from_tensor(env, gradient)}));
        if (!result.defined()) return;
        autograd::check_variable_result(gradient, result, "hook");
        gradient = result;
      });
    }
    return results;
  }
};

struct AccumulatedHooks : autograd::PostAccumulateGradHook {
  HookSetPtr set = std::make_shared<HookSet>();

  void operator()(const at::Tensor& tensor) override {
    set->each([&](Env& env, napi_value function) { call_js(env, function, {from_tensor(env, tensor)}); });
  }
};

struct NodePreHooks : autograd::FunctionPreHook {
  HookSetPtr set = std::make_shared<HookSet>();

  variable_list operator()(const variable_list& gradients) override {
    variable_list results = gradients;
    set->each([&](Env& env, napi_value function) {
      replace(env, results, call_js(env, function, {to_handles(env, results)}));
    });
    return results;
  }
};

struct NodePostHooks : autograd::FunctionPostHook {
  HookSetPtr set = std::make_shared<HookSet>();

  variable_list operator()(const variable_list& gradients, const variable_list& incoming) override {
    variable_list results = gradients;
    set->each([&](Env& env, napi_value function) {
      replace(env, results, call_js(env, function, {to_handles(env, results), to_handles(env, incoming)}));
    });
    return results;
  }
};

// the hooks of JavaScript among others, or null
template <typename Hooks, typename List>
Hooks* find(const List& list) {
  for (const auto& hook : list) {
    if (auto* found = dynamic_cast<Hooks*>(hook.get())) return found;
  }
  return nullptr;
}

struct Registration {
  std::weak_ptr<HookSet> set;
  uint64_t id;
};

napi_value add_hook(Env& env, const HookSetPtr& set, napi_value function) {
  return to_external(env, Registration{set, set->add(to_function(env, function))});
}

// removeHook(registration)
napi_value remove_hook(Env& env, const Args& args) {
  auto& registration = from_external<Registration>(env, args[0]);
  if (auto set = registration.set.lock()) set->remove(registration.id);
  return undefined(env);
}

// registerHook(handle, (gradient) => handle | undefined) -> registration
napi_value register_hook(Env& env, const Args& args) {
  at::Tensor tensor = to_tensor(env, args[0]);
  if (!tensor.requires_grad()) {
    throw std::runtime_error("cannot register a hook on a tensor that doesn't require gradient");
  }
  if (auto* found = find<TensorHooks>(autograd::impl::hooks(tensor))) return add_hook(env, found->outputs[0].second, args[1]);
  auto set = std::make_shared<HookSet>();
  napi_value registration = add_hook(env, set, args[1]);
  auto own = std::make_unique<TensorHooks>();
  own->outputs.emplace_back(0, set);
  autograd::impl::clear_hooks(tensor);
  autograd::impl::add_hook(tensor, std::move(own));
  if (const auto& node = tensor.grad_fn()) {
    auto* hooks = find<TensorHooks>(node->tensor_pre_hooks());
    if (hooks == nullptr) {
      auto made = std::make_unique<TensorHooks>();
      hooks = made.get();
      node->add_tensor_pre_hook(std::move(made));
    }
    hooks->outputs.emplace_back(tensor.output_nr(), set);
  }
  return registration;
}

// registerPostAccumulateGradHook(handle, (handle) => void) -> registration
napi_value register_accumulated_hook(Env& env, const Args& args) {
  at::Tensor tensor = to_tensor(env, args[0]);
  if (!tensor.requires_grad()) {
    throw std::runtime_error("cannot register a hook on a tensor that doesn't require gradient");
  }
  if (!tensor.is_leaf()) {
    throw std::runtime_error("post accumulate grad hooks cannot be registered on non-leaf tensors");
  }
  auto* hooks = dynamic_cast<AccumulatedHooks*>(autograd::impl::post_acc_grad_hooks(tensor).get());
  if (hooks == nullptr) {
    auto made = std::make_unique<AccumulatedHooks>();
    hooks = made.get();
    autograd::impl::set_post_acc_grad_hooks(tensor, std::move(made));
  }
  return add_hook(env, hooks->set, args[1]);
}

napi_value from_node(Env& env, const NodePtr& node) {
  if (node == nullptr) return undefined(env);
  return to_external(env, node);
}

// gradFn(handle) -> node | undefined
napi_value grad_fn(Env& env, const Args& args) { return from_node(env, to_tensor(env, args[0]).grad_fn()); }

// as Python shows it: without the namespace that C++ gives the name of AccumulateGrad
napi_value node_name(Env& env, const Args& args) {
  std::string name = from_external<NodePtr>(env, args[0])->name();
  return from_string(env, name.substr(name.rfind(':') + 1));
}

// nodeAddress(node): tells nodes apart while they live
napi_value node_address(Env& env, const Args& args) {
  auto address = reinterpret_cast<uintptr_t>(from_external<NodePtr>(env, args[0]).get());
  return from_double(env, static_cast<double>(address));
}

// nextNodes(node) -> [node | undefined, its input's number, ...]
napi_value next_nodes(Env& env, const Args& args) {
  const auto& edges = from_external<NodePtr>(env, args[0])->next_edges();
  napi_value array = new_array(env, 2 * edges.size());
  for (size_t i = 0; i < edges.size(); i++) {
    set_element(env, array, 2 * i, from_node(env, edges[i].function));
    set_element(env, array, 2 * i + 1, from_int64(env, edges[i].input_nr));
  }
  return array;
}

// registerNodePreHook(node, (gradients) => handles | undefined) -> registration
napi_value register_node_pre_hook(Env& env, const Args& args) {
  auto& node = from_external<NodePtr>(env, args[0]);
  auto* hooks = find<NodePreHooks>(node->pre_hooks());
  if (hooks == nullptr) {
    auto made = std::make_unique<NodePreHooks>();
    hooks = made.get();
    node->add_pre_hook(std::move(made));
  }
  return add_hook(env, hooks->set, args[1]);
}

// registerNodePostHook(node, (gradients, incoming) => handles | undefined) -> registration
napi_value register_node_post_hook(Env& env, const Args& args) {
  auto& node = from_external<NodePtr>(env, args[0]);
  auto* hooks = find<NodePostHooks>(node->post_hooks());
  if (hooks == nullptr) {
    auto made = std::make_unique<NodePostHooks>();
    hooks = made.get();
    node->add_post_hook(std::move(made));
  }
  return add_hook(env, hooks->set, args[1]);
}

// gradientEdge(handle) -> [node, number of its output], through which the gradient of the tensor passes
napi_value gradient_edge(Env& env, const Args& args) {
  const at::Tensor& tensor = to_tensor(env, args[0]);
  auto edge = autograd::impl::gradient_edge(tensor);
  if (!edge.is_valid()) throw std::runtime_error("the tensor does not require a gradient, so no edge of a graph is its own");
  napi_value pair = new_array(env, 2);
  set_element(env, pair, 0, from_node(env, edge.function));
  set_element(env, pair, 1, from_int64(env, edge.input_nr));
  return pair;
}

// graphTask() -> the number of the pass whose hook runs now, or -1
napi_value graph_task(Env& env, const Args&) { return from_int64(env, running.id); }

// willExecute(node): whether the pass whose hook runs now reaches the node
napi_value will_execute(Env& env, const Args& args) {
  autograd::Node* node = from_external<NodePtr>(env, args[0]).get();
  const auto* infos = running.infos;
  if (infos == nullptr) throw std::runtime_error("no hook of a pass runs now");
  if (running.nodes->count(node) == 0) return from_bool(env, false);
  if (infos->empty()) return from_bool(env, true);  // a backward into every leaf
  auto found = infos->find(node);
  if (found == infos->end() || !found->second.should_execute()) return from_bool(env, false);
  if (node->topological_nr() == 0 && found->second.captures_) {
    throw std::runtime_error(
        "a hook on several gradients does not support autograd.grad by a leaf among its tensors. Use backward with inputs");
  }
  return from_bool(env, true);
}

// incrementVersion(handles): as a change in place would; tensors of inference mode have no version
napi_value increment_version(Env& env, const Args& args) {
  for (const auto& tensor : to_tensors(env, args[0])) {
    if (!tensor.is_inference()) autograd::impl::bump_version(tensor);
  }
  return undefined(env);
}

napi_value tensor_version(Env& env, const Args& args) {
  return from_int64(env, static_cast<int64_t>(to_tensor(env, args[0])._version()));
}

}  // namespace

void define_graph(Env& env, napi_value exports) {
  define<register_hook>(env, exports, "registerHook");
  define<register_accumulated_hook>(env, exports, "registerPostAccumulateGradHook");
  define<remove_hook>(env, exports, "removeHook");
  define<grad_fn>(env, exports, "gradFn");
  define<node_name>(env, exports, "nodeName");
  define<node_address>(env, exports, "nodeAddress");
  define<next_nodes>(env, exports, "nextNodes");
  define<register_node_pre_hook>(env, exports, "registerNodePreHook");
  define<register_node_post_hook>(env, exports, "registerNodePostHook");
  define<gradient_edge>(env, exports, "gradientEdge");
  define<graph_task>(env, exports, "graphTask");
  define<will_execute>(env, exports, "willExecute");
  define<increment_version>(env, exports, "incrementVersion");
  define<tensor_version>(env, exports, "tensorVersion");
}

}  // namespace sconce
