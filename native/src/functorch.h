// The part of ATen/functorch/DynamicLayer.h that is called here, member for member: that header includes a JSON
// library which libtorch's packages leave out.
#pragma once
#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <memory>
#include <optional>
#include <variant>


namespace at::functorch {

enum class RandomnessType { Error, Same, Different, END };
enum class TransformType { Torch, Vmap, Grad, Jvp, Functionalize };

struct GradInterpreterMeta {
  bool prevGradMode_;
  bool prevInferenceMode_;
};

struct JvpInterpreterMeta {
  bool prevFwdGradMode_;
  bool prevInferenceMode_;
};

struct VmapInterpreterMeta {
  c10::SymInt batchSize_;
  RandomnessType randomness_;
};

struct FunctionalizeInterpreterMeta {
  bool functionalizeAddBackViews_;
};

using InterpreterMeta =
    std::variant<int64_t, GradInterpreterMeta, JvpInterpreterMeta, VmapInterpreterMeta, FunctionalizeInterpreterMeta>;

struct Interpreter {
  TransformType type_{};
  int64_t level_{};
  std::optional<c10::impl::LocalDispatchKeySet> savedLocalDispatchKeySet_;
  std::shared_ptr<bool> is_alive_;
  InterpreterMeta meta_;
};

struct DynamicLayer {
  Interpreter interpreter_;
};

TORCH_API int64_t initAndPushDynamicLayer(TransformType transform_type, std::optional<c10::SymInt> batch_size,
                                          std::optional<RandomnessType> randomness, std::optional<bool> prev_grad_mode,
                                          std::optional<bool> prev_fwd_grad_mode,
                                          std::optional<bool> functionalize_add_back_views,
                                          std::optional<bool> prev_inference_mode);
TORCH_API DynamicLayer popDynamicLayerAndDeleteMetadata();
TORCH_API Tensor unwrapIfDead(const Tensor& tensor);
TORCH_API Tensor makeTensorWrapper(const Tensor& tensor, int64_t level, bool is_immutable);

}  // namespace at::functorch
