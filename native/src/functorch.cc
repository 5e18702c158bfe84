// Layers of transforms (vmap, grad, jvp) on libtorch's own stack, which every operator of this thread goes through,
// after torch/csrc/functorch/init.cpp.
#include <ATen/FunctionalTensorWrapper.h>
#include <ATen/functorch/BatchedTensorImpl.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/functorch/TensorWrapper.h>
#include <c10/core/AutogradState.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/forward_grad.h>

#include "modules.h"

namespace sconce {

namespace {

namespace functorch = at::functorch;
namespace functionalization = at::functionalization::impl;
using torch::autograd::ForwardADLevel;

functorch::RandomnessType to_randomness(const std::string& name) {
  if (name == "error") return functorch::RandomnessType::Error;
  if (name == "same") return functorch::RandomnessType::Same;
  return functorch::RandomnessType::Different;
}

// pushVmap(batchSize, randomness) -> level
napi_value push_vmap(Env& env, const Args& args) {
  c10::SymInt batch_size(to_int64(env, args[0]));
  auto randomness = to_randomness(to_string(env, args[1]));
  return from_int64(env, functorch::initAndPushDynamicLayer(functorch::TransformType::Vmap, batch_size, randomness));
}

// pushGrad() -> level
napi_value push_grad(Env& env, const Args&) {
  bool records = c10::GradMode::is_enabled();
  return from_int64(env, functorch::initAndPushDynamicLayer(functorch::TransformType::Grad, {}, {}, records));
}

// pushJvp() -> level
napi_value push_jvp(Env& env, const Args&) {
  bool records = c10::AutogradState::get_tls_state().get_fw_grad_mode();
  return from_int64(env, functorch::initAndPushDynamicLayer(functorch::TransformType::Jvp, {}, {}, {}, records));
}

// pushFunctionalize(addBackViews) -> level
napi_value push_functionalize(Env& env, const Args& args) {
  bool add_back_views = to_bool(env, args[0]);
  return from_int64(env, functorch::initAndPushDynamicLayer(functorch::TransformType::Functionalize, {}, {}, {}, {}, add_back_views));
}

napi_value pop_transform(Env& env, const Args&) {
  functorch::popDynamicLayerAndDeleteMetadata();
  return undefined(env);
}

// addBatchDim(handle, dim, level) -> the tensor without that dimension, to which operators apply for each of its parts
napi_value add_batch_dim(Env& env, const Args& args) {
  return from_tensor(env, functorch::addBatchDim(to_tensor(env, args[0]), to_int64(env, args[1]), to_int64(env, args[2])));
}

// removeBatchDim(handle, level, batchSize, dim) -> the tensor with its parts along `dim`; what has none is repeated
napi_value remove_batch_dim(Env& env, const Args& args) {
  const at::Tensor& tensor = to_tensor(env, args[0]);
  int64_t level = to_int64(env, args[1]), size = to_int64(env, args[2]), dim = to_int64(env, args[3]);
  int64_t wrapped = c10::maybe_wrap_dim(dim, tensor.dim() + 1);
  const auto* batched = functorch::maybeGetBatchedImpl(tensor);
  if (batched != nullptr && batched->level() >= level) {
    TORCH_CHECK(batched->level() == level, "a tensor of an inner vmap was kept beyond it");
    return from_tensor(env, batched->value().movedim(batched->bdim(), wrapped));
  }
  auto sizes = tensor.sizes().vec();
  sizes.insert(sizes.begin() + wrapped, size);
  return from_tensor(env, tensor.unsqueeze(wrapped).expand(sizes));
}

napi_value is_batched(Env& env, const Args& args) { return from_bool(env, functorch::isBatchedTensor(to_tensor(env, args[0]))); }

// wrapForLevel(handle, level) -> the tensor as a leaf of that level's own graph
napi_value wrap_for_level(Env& env, const Args& args) {
  return from_tensor(env, functorch::makeTensorWrapper(to_tensor(env, args[0]), to_int64(env, args[1]), false));
}

// unwrapEnded(handle) -> what a tensor of a level that was popped holds; any other tensor itself
napi_value unwrap_ended(Env& env, const Args& args) {
  return from_tensor(env, functorch::unwrapIfDead(to_tensor(env, args[0])));
}

// wrapFunctional(handle, level) -> the tensor, whose changes in place that level records and makes without them
napi_value wrap_functional(Env& env, const Args& args) {
  at::Tensor wrapped = functionalization::to_functional_tensor(to_tensor(env, args[0]));
  functionalization::unsafeGetFunctionalWrapper(wrapped)->set_level(to_int64(env, args[1]));
  return from_tensor(env, wrapped);
}

// the wrapper of a tensor with all changes made that its views have recorded
at::FunctionalTensorWrapper* settled(const at::Tensor& tensor, bool add_back_views) {
  auto* wrapper = functionalization::unsafeGetFunctionalWrapper(tensor);
  functionalization::FunctionalizationReapplyViewsGuard guard(add_back_views);
  if (wrapper->apply_updates()) wrapper->regenerate_from_base();
  return wrapper;
}

// unwrapFunctional(handle, addBackViews) -> what it holds; any other tensor itself
napi_value unwrap_functional(Env& env, const Args& args) {
  const at::Tensor& tensor = to_tensor(env, args[0]);
  if (!functionalization::isFunctionalTensor(tensor)) return from_tensor(env, tensor);
  return from_tensor(env, settled(tensor, to_bool(env, args[1]))->value());
}

// returnChanges(handle, wrapped): gives a tensor what was changed in place in its wrapper
napi_value return_changes(Env& env, const Args& args) {
  at::Tensor tensor = to_tensor(env, args[0]);
  const at::Tensor& wrapped = to_tensor(env, args[1]);
  functionalization::sync(wrapped);
  at::Tensor inner = functionalization::unsafeGetFunctionalWrapper(wrapped)->value();
  if (inner.is_same(tensor)) return undefined(env);
  if (inner.sizes() != tensor.sizes()) tensor.resize_(inner.sizes());
  tensor.copy_(inner);
  return undefined(env);
}

// unwrapOnce(handle) -> what a tensor of any transform holds, 0 for a tensor of none
napi_value unwrap_once(Env& env, const Args& args) {
  const at::Tensor& tensor = to_tensor(env, args[0]);
  if (const auto* batched = functorch::maybeGetBatchedImpl(tensor)) return from_tensor(env, batched->value());
  if (const auto* wrapper = functorch::maybeGetTensorWrapper(tensor)) return from_tensor(env, wrapper->value());
  if (functionalization::isFunctionalTensor(tensor)) {
    return from_tensor(env, functionalization::unsafeGetFunctionalWrapper(tensor)->value());
  }
  return from_int64(env, 0);
}

napi_value enter_dual_level(Env& env, const Args&) {
  return from_int64(env, static_cast<int64_t>(ForwardADLevel::get_next_idx()));
}

napi_value leave_dual_level(Env& env, const Args& args) {
  ForwardADLevel::release_idx(static_cast<uint64_t>(to_int64(env, args[0])));
  return undefined(env);
}

// setForwardGradEnabled(enabled) -> what it was before
napi_value set_forward_grad_enabled(Env& env, const Args& args) {
  auto& state = c10::AutogradState::get_tls_state();
  bool before = state.get_fw_grad_mode();
  state.set_fw_grad_mode(to_bool(env, args[0]));
  return from_bool(env, before);
}

}  // namespace

at::Tensor beneath_levels(at::Tensor tensor) {
  while (const auto* wrapper = functorch::maybeGetTensorWrapper(tensor)) tensor = wrapper->value();
  return tensor;
}

void define_functorch(Env& env, napi_value exports) {
  define<push_vmap>(env, exports, "pushVmap");
  define<push_grad>(env, exports, "pushGrad");
  define<push_jvp>(env, exports, "pushJvp");
  define<push_functionalize>(env, exports, "pushFunctionalize");
  define<pop_transform>(env, exports, "popTransform");
  define<add_batch_dim>(env, exports, "addBatchDim");
  define<remove_batch_dim>(env, exports, "removeBatchDim");
  define<is_batched>(env, exports, "isBatched");
  define<wrap_for_level>(env, exports, "wrapForLevel");
  define<unwrap_ended>(env, exports, "unwrapEnded");
  define<wrap_functional>(env, exports, "wrapFunctional");
  define<unwrap_functional>(env, exports, "unwrapFunctional");
  define<return_changes>(env, exports, "returnChanges");
  define<unwrap_once>(env, exports, "unwrapOnce");
  define<enter_dual_level>(env, exports, "enterDualLevel");
  define<leave_dual_level>(env, exports, "leaveDualLevel");
  define<set_forward_grad_enabled>(env, exports, "setForwardGradEnabled");
}

}  // namespace sconce
