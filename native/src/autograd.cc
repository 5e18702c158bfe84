// Gradients: backward, grad, gradient mode and autocast. On CPU the engine runs on the calling thread.
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
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

// backward(roots, gradients, retainGraph, createGraph, inputs): no inputs means every leaf
napi_value backward(Env& env, const Args& args) {
  auto roots = to_tensors(env, args[0]);
  auto gradients = to_optional_tensors(env, args[1]);
  bool retain = to_bool(env, args[2]), create = to_bool(env, args[3]);
  auto inputs = to_tensors(env, args[4]);
  run_graph(env, roots, [&] { torch::autograd::backward(roots, gradients, retain, create, inputs); });
  return undefined(env);
}

// gradOf(outputs, inputs, gradOutputs, retainGraph, createGraph, allowUnused) -> handles, 0 where unused
napi_value grad_of(Env& env, const Args& args) {
  auto outputs = to_tensors(env, args[0]);
  auto inputs = to_tensors(env, args[1]);
  auto seeds = to_optional_tensors(env, args[2]);
  bool retain = to_bool(env, args[3]), create = to_bool(env, args[4]), allow_unused = to_bool(env, args[5]);
  std::vector<at::Tensor> gradients;
  run_graph(env, outputs, [&] {
    gradients = torch::autograd::grad(outputs, inputs, seeds, retain, create, allow_unused);
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

napi_value is_leaf(Env& env, const Args& args) { return from_bool(env, to_tensor(env, args[0]).is_leaf()); }

napi_value retain_grad(Env& env, const Args& args) {
  to_tensor(env, args[0]).retain_grad();
  return undefined(env);
}

napi_value grad_enabled(Env& env, const Args&) { return from_bool(env, at::GradMode::is_enabled()); }

napi_value set_grad_enabled(Env& env, const Args& args) {
  at::GradMode::set_enabled(to_bool(env, args[0]));
  return undefined(env);
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
  define<grad>(env, exports, "grad");
  define<grads>(env, exports, "grads");
  define<set_grad>(env, exports, "setGrad");
  define<clear_grads>(env, exports, "clearGrads");
  define<requires_grad>(env, exports, "requiresGrad");
  define<set_requires_grad>(env, exports, "setRequiresGrad");
  define<is_leaf>(env, exports, "isLeaf");
  define<retain_grad>(env, exports, "retainGrad");
  define<grad_enabled>(env, exports, "gradEnabled");
  define<set_grad_enabled>(env, exports, "setGradEnabled");
  define<enter_inference_mode>(env, exports, "enterInferenceMode");
  define<leave_inference_mode>(env, exports, "leaveInferenceMode");
  define<inference_mode>(env, exports, "inferenceMode");
  define<autocast_state>(env, exports, "autocastState");
  define<enter_autocast>(env, exports, "enterAutocast");
  define<leave_autocast>(env, exports, "leaveAutocast");
}

}  // namespace sconce
