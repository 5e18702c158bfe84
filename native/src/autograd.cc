// Gradients: backward, grad, gradient mode and autocast. On CPU the engine runs on the calling thread.
#include <ATen/FuncTorchTLS.h>
#include <ATen/autocast_mode.h>
#include <c10/core/AutogradState.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include "engine.h"
#include "modules.h"

namespace sconce {

namespace {

std::vector<at::Tensor> to_optional_tensors(Env& env, napi_value handles) {
  std::vector<at::Tensor> tensors;
  for (uint32_t i = 0, n = array_length(env, handles); i < n; i++) {
    tensors.push_back(to_optional_tensor(env, element(env, handles, i)));
  }
  return tensors;
}

namespace autograd = torch::autograd;

autograd::edge_list edges_of(const std::vector<at::Tensor>& tensors) {
  autograd::edge_list edges;
  for (const auto& tensor : tensors) edges.push_back(autograd::impl::gradient_edge(tensor));
  return edges;
}

// backward(roots, gradients, retainGraph, createGraph, inputs): no inputs means every leaf
napi_value backward(Env& env, const Args& args) {
  auto roots = to_tensors(env, args[0]);
  auto gradients = to_optional_tensors(env, args[1]);
  bool retain = to_bool(env, args[2]), create = to_bool(env, args[3]);
  auto inputs = to_tensors(env, args[4]);
  run_graph(env, edges_of(roots), [&] { autograd::backward(roots, gradients, retain, create, inputs); });
  return undefined(env);
}

// gradOf(outputs, inputs, gradOutputs, retainGraph, createGraph, allowUnused) -> handles, 0 where unused
napi_value grad_of(Env& env, const Args& args) {
  auto outputs = to_tensors(env, args[0]);
  auto inputs = to_tensors(env, args[1]);
  auto seeds = to_optional_tensors(env, args[2]);
  bool retain = to_bool(env, args[3]), create = to_bool(env, args[4]), allow_unused = to_bool(env, args[5]);
  std::vector<at::Tensor> gradients;
  run_graph(env, edges_of(outputs), [&] {
    gradients = autograd::grad(outputs, inputs, seeds, retain, create, allow_unused);
  });
  napi_value array = new_array(env, gradients.size());
  for (size_t i = 0; i < gradients.size(); i++) set_element(env, array, i, from_tensor(env, gradients[i]));
  return array;
}

// an edge of the graph, as a tensor's handle or as [node, number of its output]
autograd::Edge to_edge(Env& env, napi_value value, const char* what, bool retains) {
  if (type_of(env, value) != napi_number) {
    auto& node = from_external<NodePtr>(env, element(env, value, 0));
    int64_t output = to_int64(env, element(env, value, 1));
    TORCH_CHECK(output >= 0 && output < node->num_inputs(), node->name(), " has ", node->num_inputs(), " outputs, got an edge of number ", output);
    return {node, static_cast<uint32_t>(output)};
  }
  const at::Tensor& tensor = to_tensor(env, value);
  auto edge = autograd::impl::gradient_edge(tensor);
  TORCH_CHECK(edge.is_valid(), "one of the ", what, " does not require a gradient");
  if (retains) tensor.retain_grad();
  return edge;
}

// the gradient of a root: the given one, or one for a single number
at::Tensor seed_of(const autograd::Edge& root, const at::Tensor& given) {
  const auto& metadata = root.function->input_metadata(root.input_nr);
  auto shape = metadata.shape_as_dim_vector();
  if (given.defined()) {
    TORCH_CHECK(given.sym_sizes().equals(shape), "a gradient must have its output's shape, got ", given.sizes(), " for ", shape);
    return given;
  }
  bool is_single = std::all_of(shape.begin(), shape.end(), [](const auto& size) { return size == 1; });
  TORCH_CHECK(is_single, "grad can be implicitly created only for scalar outputs");
  return at::ones_symint(shape, metadata.options());
}

// runEdges(roots, gradients, inputs, retainGraph, createGraph, accumulate) -> gradients of the inputs, 0 where unused
//
// backward and gradOf where some of the tensors are given by their edges; no inputs means every leaf.
napi_value run_edges(Env& env, const Args& args) {
  bool retain = to_bool(env, args[3]), create = to_bool(env, args[4]), accumulate = to_bool(env, args[5]);
  autograd::edge_list roots, inputs;
  for (uint32_t i = 0, n = array_length(env, args[0]); i < n; i++) {
    roots.push_back(to_edge(env, element(env, args[0], i), "outputs", false));
  }
  auto given = to_optional_tensors(env, args[1]);
  given.resize(roots.size());
  autograd::variable_list seeds;
  for (size_t i = 0; i < roots.size(); i++) seeds.push_back(seed_of(roots[i], given[i]));
  for (uint32_t i = 0, n = array_length(env, args[2]); i < n; i++) {
    inputs.push_back(to_edge(env, element(env, args[2], i), "inputs", accumulate));
  }
  autograd::variable_list gradients;
  run_graph(env, roots, [&] {
    gradients = autograd::Engine::get_default_engine().execute(roots, seeds, retain, create, accumulate, inputs);
  });
  napi_value array = new_array(env, gradients.size());
  for (size_t i = 0; i < gradients.size(); i++) set_element(env, array, i, from_tensor(env, gradients[i]));
  return array;
}

napi_value grad(Env& env, const Args& args) { return from_tensor(env, to_tensor(env, args[0]).grad()); }

std::string kind_of(const at::Tensor& tensor) {
  return c10::str(at::toString(tensor.scalar_type()), tensor.sizes(), " on ", tensor.device());
}

// setGrad(handle, gradient | null): as Python checks it, since fused optimizers trust a gradient's shape and dtype
napi_value set_grad(Env& env, const Args& args) {
  const at::Tensor& tensor = to_tensor(env, args[0]);
  at::Tensor gradient = to_optional_tensor(env, args[1]);
  if (gradient.defined()) {
    bool fits = gradient.scalar_type() == tensor.scalar_type() && gradient.device() == tensor.device() &&
                gradient.sizes() == tensor.sizes();
    if (!fits) {
      throw std::runtime_error("a gradient must have its tensor's shape, dtype and device, got " + kind_of(gradient) +
                               " for " + kind_of(tensor) + ". Convert it with x.to() and x.reshape() first.");
    }
    if (gradient.is_same(tensor)) throw std::runtime_error("a tensor cannot be its own gradient. Give a clone.");
  }
  tensor.mutable_grad() = gradient;
  return undefined(env);
}

// clearGrads(handles): sets many gradients to none in one crossing
napi_value clear_grads(Env& env, const Args& args) {
  for (uint32_t i = 0, n = array_length(env, args[0]); i < n; i++) {
    to_tensor(env, element(env, args[0], i)).mutable_grad().reset();
  }
  return undefined(env);
}

// grads(handles) -> handles of the gradients, 0 where there is none
napi_value grads(Env& env, const Args& args) {
  uint32_t length = array_length(env, args[0]);
  napi_value array = new_array(env, length);
  for (uint32_t i = 0; i < length; i++) {
    set_element(env, array, i, from_tensor(env, to_tensor(env, element(env, args[0], i)).grad()));
  }
  return array;
}

napi_value requires_grad(Env& env, const Args& args) { return from_bool(env, to_tensor(env, args[0]).requires_grad()); }

napi_value set_requires_grad(Env& env, const Args& args) {
  to_tensor(env, args[0]).requires_grad_(to_bool(env, args[1]));
  return undefined(env);
}

// checkRequiresGradAllowed(): a transform of torch.func makes its own leaves and refuses others
napi_value check_requires_grad_allowed(Env& env, const Args&) {
  const auto& layers = at::functorch::functorchTLSAccessor();
  if (layers != nullptr) layers->checkSupportsInplaceRequiresGrad();
  return undefined(env);
}

napi_value is_leaf(Env& env, const Args& args) { return from_bool(env, to_tensor(env, args[0]).is_leaf()); }

napi_value retain_grad(Env& env, const Args& args) {
  const auto& layers = at::functorch::functorchTLSAccessor();
  if (layers != nullptr) layers->checkSupportsRetainGrad();
  to_tensor(env, args[0]).retain_grad();
  return undefined(env);
}

napi_value grad_enabled(Env& env, const Args&) { return from_bool(env, at::GradMode::is_enabled()); }

napi_value set_grad_enabled(Env& env, const Args& args) {
  at::GradMode::set_enabled(to_bool(env, args[0]));
  return undefined(env);
}

// multithreading(): whether a pass gives the work of each device to a thread of its own
napi_value multithreading(Env& env, const Args&) {
  return from_bool(env, c10::AutogradState::get_tls_state().get_multithreading_enabled());
}

napi_value set_multithreading(Env& env, const Args& args) {
  c10::AutogradState::get_tls_state().set_multithreading_enabled(to_bool(env, args[0]));
  return undefined(env);
}

// setGradLayoutPolicy(enforced) -> what it was before: whether accumulated gradients get their leaf's strides
template <typename State>
napi_value set_grad_layout_policy_of(Env& env, State& state, bool enforced) {
  if constexpr (requires { state.set_grad_layout_enforcement_enabled(enforced); }) {
    bool before = state.get_grad_layout_enforcement_enabled();
    state.set_grad_layout_enforcement_enabled(enforced);
    return from_bool(env, before);
  } else {
    throw std::runtime_error("needs libtorch 2.13 or newer");
  }
}

napi_value set_grad_layout_policy(Env& env, const Args& args) {
  return set_grad_layout_policy_of(env, c10::AutogradState::get_tls_state(), to_bool(env, args[0]));
}

// inference mode nests: what is entered last is left first
napi_value enter_inference_mode(Env& env, const Args& args) {
  env.graph->inference.push_back(std::make_unique<c10::InferenceMode>(to_bool(env, args[0])));
  return undefined(env);
}

napi_value leave_inference_mode(Env& env, const Args&) {
  if (!env.graph->inference.empty()) env.graph->inference.pop_back();
  return undefined(env);
}

napi_value inference_mode(Env& env, const Args&) { return from_bool(env, c10::InferenceMode::is_enabled()); }

at::DeviceType device_type(Env& env, napi_value value) { return c10::Device(to_string(env, value)).type(); }

// autocastState(device) -> [enabled, dtype]
napi_value autocast_state(Env& env, const Args& args) {
  auto device = device_type(env, args[0]);
  napi_value state = new_array(env, 2);
  set_element(env, state, 0, from_bool(env, at::autocast::is_autocast_enabled(device)));
  set_element(env, state, 1, from_int64(env, static_cast<int64_t>(at::autocast::get_autocast_dtype(device))));
  return state;
}

napi_value set_autocast(Env& env, const Args& args) {
  auto device = device_type(env, args[0]);
  at::autocast::set_autocast_enabled(device, to_bool(env, args[1]));
  at::autocast::set_autocast_dtype(device, to_dtype(env, args[2]));
  return undefined(env);
}

napi_value autocast_available(Env& env, const Args& args) {
  return from_bool(env, at::autocast::is_autocast_available(device_type(env, args[0])));
}

napi_value enter_autocast(Env& env, const Args& args) {
  set_autocast(env, args);
  at::autocast::increment_nesting();
  return undefined(env);
}

// leaving the outermost region forgets the cached casts of weights
napi_value leave_autocast(Env& env, const Args& args) {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  return set_autocast(env, args);
}

}  // namespace

void define_autograd(Env& env, napi_value exports) {
  define<backward>(env, exports, "backward");
  define<grad_of>(env, exports, "gradOf");
  define<run_edges>(env, exports, "runEdges");
  define<grad>(env, exports, "grad");
  define<grads>(env, exports, "grads");
  define<set_grad>(env, exports, "setGrad");
  define<clear_grads>(env, exports, "clearGrads");
  define<requires_grad>(env, exports, "requiresGrad");
  define<set_requires_grad>(env, exports, "setRequiresGrad");
  define<check_requires_grad_allowed>(env, exports, "checkRequiresGradAllowed");
  define<is_leaf>(env, exports, "isLeaf");
  define<retain_grad>(env, exports, "retainGrad");
  define<grad_enabled>(env, exports, "gradEnabled");
  define<set_grad_enabled>(env, exports, "setGradEnabled");
  define<multithreading>(env, exports, "multithreading");
  define<set_multithreading>(env, exports, "setMultithreading");
  define<set_grad_layout_policy>(env, exports, "setGradLayoutPolicy");
  define<enter_inference_mode>(env, exports, "enterInferenceMode");
  define<leave_inference_mode>(env, exports, "leaveInferenceMode");
  define<inference_mode>(env, exports, "inferenceMode");
  define<autocast_available>(env, exports, "autocastAvailable");
  define<autocast_state>(env, exports, "autocastState");
  define<enter_autocast>(env, exports, "enterAutocast");
  define<leave_autocast>(env, exports, "leaveAutocast");
}

}  // namespace sconce
