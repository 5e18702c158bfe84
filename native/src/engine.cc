// The autograd engine with JavaScript's saved-tensor hooks, and a cheap record of where each node was made.
#include "engine.h"

#include <ATen/DeviceAccelerator.h>
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/engine.h>

#include <unordered_set>

#include "modules.h"

namespace sconce {

namespace {

namespace autograd = torch::autograd;

// what pack computes is saved as usual
class WithoutSavedHooks {
 public:
  explicit WithoutSavedHooks(GraphState& graph) : graph_(graph) { graph_.saved_hooks.swap(outer_); }
  ~WithoutSavedHooks() { graph_.saved_hooks.swap(outer_); }

 private:
  GraphState& graph_;
  decltype(GraphState::saved_hooks) outer_;
};

// Packs one saved tensor by JavaScript and unpacks it. The tensors in what pack returned are held here, so that
// they die with the graph.
struct JsSavedHooks : autograd::SavedVariableHooks {
  JsSavedHooks(JsRefPtr pack, JsRefPtr unpack) : pack_(std::move(pack)), unpack_(std::move(unpack)) {}

  // pack(handle) -> [value], after delivering the tensors in it
  void call_pack_hook(const at::Tensor& tensor) override {
    pack_->thread->call([&](Env& env) {
      HandleScope scope(env);
      TensorScope tensors(env);
      WithoutSavedHooks guard(*env.graph);
      napi_value packed = call_js(env, pack_->get(env), {from_tensor(env, tensor.detach())});
      packed_ = std::make_shared<JsRef>(env, packed);
      tensors_ = std::exchange(env.graph->delivered, {});
    });
  }

  // unpack([value], handles), which delivers the tensor
  at::Tensor call_unpack_hook() override {
    at::Tensor tensor;
    unpack_->thread->call([&](Env& env) {
      HandleScope scope(env);
      TensorScope tensors(env);
      napi_value handles = new_array(env, tensors_.size());
      for (size_t i = 0; i < tensors_.size(); i++) set_element(env, handles, i, from_tensor(env, tensors_[i]));
      call_js(env, unpack_->get(env), {packed_->get(env), handles});
      tensor = std::exchange(env.graph->delivered, {}).at(0);
    });
    return tensor;
  }

 private:
  JsRefPtr pack_, unpack_, packed_;
  std::vector<at::Tensor> tensors_;
};

// Where a node was made: the module and JavaScript's stack, which V8 captures in microseconds and formats when
// it is read. libtorch's own form captures the C++ stack, at about a second for a training step.
struct JsAnomalyMetadata : autograd::AnomalyMetadata {
  void store_stack() override {
    Env* env = Env::current_or_null();
    if (env == nullptr || env->graph->describe_forward == nullptr) return;
    HandleScope scope(*env);
    napi_value error;
    check(napi_create_error(env->napi, nullptr, from_string(*env, ""), &error), "create error");
    made_ = std::make_shared<JsRef>(*env, error);
    module_ = env->graph->module;
  }

  void assign_parent(const NodePtr& parent) override { parent_ = parent; }

  void print_stack(const std::string&) override {
    Env* env = Env::current_or_null();
    auto thread = made_ != nullptr ? made_->thread : env != nullptr ? env->thread : nullptr;
    if (thread == nullptr) return;
    try {
      thread->call([&](Env& e) { e.graph->failure = describe(e); });
    } catch (...) {
      // an error is being told already
    }
  }

 private:
  std::string describe(Env& env) const {
    if (made_ == nullptr || env.graph->describe_forward == nullptr) {
      return " Its forward was not recorded: switch anomaly detection on before the forward pass.";
    }
    HandleScope scope(env);
    napi_value text = call_js(env, env.graph->describe_forward->get(env), {from_string(env, module_), made_->get(env)});
    std::string place = " " + to_string(env, text);
    if (parent_ == nullptr) return place;
    auto* above = dynamic_cast<JsAnomalyMetadata*>(parent_->metadata());
    return place + " Made in the backward of '" + parent_->name() + "'." + (above == nullptr ? "" : above->describe(env));
  }

  JsRefPtr made_;
  std::string module_;
  NodePtr parent_;
};

struct JsEngine : autograd::Engine {
  static autograd::Engine& instance() {
    static auto* engine = new JsEngine();  // never freed: its threads live as long as the process
    return *engine;
  }

  std::unique_ptr<autograd::AnomalyMetadata> make_anomaly_metadata() override {
    return std::make_unique<JsAnomalyMetadata>();
  }

  std::unique_ptr<autograd::SavedVariableHooks> get_default_saved_variable_hooks() override {
    Env* env = Env::current_or_null();  // null on the engine's own threads
    if (env == nullptr || env->graph->saved_hooks.empty()) return nullptr;
    return env->graph->saved_hooks.back()();
  }
};

// whether any node below the roots belongs to a device: a thread of the engine would then call JavaScript
bool has_device_nodes(const autograd::edge_list& roots) {
  std::vector<autograd::Node*> stack;
  std::unordered_set<autograd::Node*> seen;
  for (const auto& root : roots) {
    if (root.function) stack.push_back(root.function.get());
  }
  while (!stack.empty()) {
    autograd::Node* node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second) continue;
    if (!node->device().is_cpu()) return true;
    for (const auto& edge : node->next_edges()) {
      if (edge.function) stack.push_back(edge.function.get());
    }
  }
  return false;
}

void execute(Env& env, const autograd::edge_list& roots, const std::function<void()>& work) {
  // on CPU the engine runs on the calling thread: another would have a pool of OpenMP threads of its own
  if (at::getAccelerator().has_value() && has_device_nodes(roots)) {
    env.thread->run_elsewhere(work);
  } else {
    work();
  }
}

// pushSavedHooks(pack, unpack)
napi_value push_saved_hooks(Env& env, const Args& args) {
  env.graph->saved_hooks.push_back([pack = to_function(env, args[0]), unpack = to_function(env, args[1])] {
    return std::make_unique<JsSavedHooks>(pack, unpack);
  });
  return undefined(env);
}

napi_value pop_saved_hooks(Env& env, const Args&) {
  if (!env.graph->saved_hooks.empty()) env.graph->saved_hooks.pop_back();
  return undefined(env);
}

// deliver(handles): what a callback gives back, read before its scope frees it; 0 for no tensor
napi_value deliver(Env& env, const Args& args) {
  env.graph->delivered.clear();
  for (uint32_t i = 0, n = array_length(env, args[0]); i < n; i++) {
    env.graph->delivered.push_back(to_optional_tensor(env, element(env, args[0], i)));
  }
  return undefined(env);
}

// reachesEveryLeaf(): whether the pass that runs now is a backward without inputs
napi_value reaches_every_leaf(Env& env, const Args&) {
  return from_bool(env, autograd::Engine::get_default_engine().is_checkpoint_valid());
}

// setAnomalyDetection(enabled, checkNan, describe | null)
napi_value set_anomaly_detection(Env& env, const Args& args) {
  env.graph->describe_forward = is_nullish(env, args[2]) ? nullptr : to_function(env, args[2]);
  autograd::AnomalyMode::set_enabled(to_bool(env, args[0]), to_bool(env, args[1]));
  return undefined(env);
}

// anomalyDetection() -> [enabled, checkNan]
napi_value anomaly_detection(Env& env, const Args&) {
  napi_value state = new_array(env, 2);
  set_element(env, state, 0, from_bool(env, autograd::AnomalyMode::is_enabled()));
  set_element(env, state, 1, from_bool(env, autograd::AnomalyMode::should_check_nan()));
  return state;
}

// setCurrentModule(path): what nodes made from now on are told to belong to
napi_value set_current_module(Env& env, const Args& args) {
  env.graph->module = to_string(env, args[0]);
  return undefined(env);
}

}  // namespace

void run_graph(Env& env, const autograd::edge_list& roots, const std::function<void()>& work) {
  env.graph->failure.clear();
  try {
    execute(env, roots, work);
  } catch (const JsError&) {
    throw;
  } catch (const c10::Error& error) {
    if (env.graph->failure.empty()) throw;
    throw std::runtime_error(error.what_without_backtrace() + std::exchange(env.graph->failure, ""));
  } catch (const std::exception& error) {
    if (env.graph->failure.empty()) throw;
    throw std::runtime_error(error.what() + std::exchange(env.graph->failure, ""));
  }
}

void install_engine() { autograd::set_default_engine_stub(&JsEngine::instance); }

void define_engine(Env& env, napi_value exports) {
  define<push_saved_hooks>(env, exports, "pushSavedHooks");
  define<pop_saved_hooks>(env, exports, "popSavedHooks");
  define<reaches_every_leaf>(env, exports, "reachesEveryLeaf");
  define<deliver>(env, exports, "deliver");
  define<set_anomaly_detection>(env, exports, "setAnomalyDetection");
  define<anomaly_detection>(env, exports, "anomalyDetection");
  define<set_current_module>(env, exports, "setCurrentModule");
}

}  // namespace sconce
