// Large tables of which a step touches few rows, such as word embeddings: gradients that hold those rows alone,
// state that takes memory where it was written, and Adam on rows. The results are those of the dense kernels.
#include <ATen/Parallel.h>
#include <sys/mman.h>

#include <cerrno>
#include <cmath>
#include <cstring>

#include "modules.h"

namespace sconce {

namespace {

napi_value is_sparse(Env& env, const Args& args) { return from_bool(env, to_tensor(env, args[0]).is_sparse()); }

napi_value holds_rows(Env& env, const Args& args) {
  const at::Tensor& x = to_tensor(env, args[0]);
  return from_bool(env, x.is_sparse() && x.sparse_dim() == 1);
}

// gradValues(handles) -> for each the gradient, the values of its rows where it is sparse, 0 where there is none.
// A sparse gradient is coalesced on the way, so that each row stands in it once.
napi_value grad_values(Env& env, const Args& args) {
  uint32_t length = array_length(env, args[0]);
  napi_value array = new_array(env, length);
  for (uint32_t i = 0; i < length; i++) {
    at::Tensor& gradient = to_tensor(env, element(env, args[0], i)).mutable_grad();
    bool sparse = gradient.defined() && gradient.is_sparse();
    if (sparse && !gradient.is_coalesced()) gradient = gradient.coalesce();
    set_element(env, array, i, from_tensor(env, sparse ? gradient._values() : gradient));
  }
  return array;
}

// zerosOnDemand(shape) -> float32 zeros on the CPU whose pages take memory once they are written
napi_value zeros_on_demand(Env& env, const Args& args) {
  auto sizes = to_sizes(env, args[0]);
  size_t bytes = static_cast<size_t>(c10::multiply_integers(sizes)) * sizeof(float);
  if (bytes == 0) return from_tensor(env, at::zeros(sizes, at::kFloat));
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::runtime_error("no memory for " + std::to_string(bytes) + " bytes: " + std::strerror(errno));
  }
#if defined(MADV_NOHUGEPAGE)
  madvise(memory, bytes, MADV_NOHUGEPAGE);  // a row must not cost 2 MB
#endif
  return from_tensor(env, at::from_blob(memory, sizes, [bytes](void* data) { munmap(data, bytes); }, at::kFloat));
}

// Numbers that every weight of a step shares.
struct AdamStep {
  float beta2, eps, decay, rate, root;  // root: of the second bias correction
  float average;                        // share of the gradient in exp_avg
};

// The rule of libtorch's FusedAdamKernel.cpp, AdamW mode, on n weights.
// Builtin functions alone: the compiler inlines no others into clones for another processor.
__attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3", "no-math-errno", "no-trapping-math"))) void
adam(float* param, const float* gradient, float* exp_avg, float* exp_avg_sq, int64_t n, float sign, AdamStep step) {
  for (int64_t i = 0; i < n; i++) {
    float g = sign * gradient[i];
    float p = param[i] * step.decay;
    float m = exp_avg[i] + step.average * (g - exp_avg[i]);
    float v = exp_avg_sq[i] * step.beta2 + (1 - step.beta2) * g * g;
    exp_avg[i] = m;
    exp_avg_sq[i] = v;
    param[i] = p - step.rate * m / (__builtin_sqrtf(v) / step.root + step.eps);
  }
}

__attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3"))) void scale(float* values, int64_t n,
                                                                                        float factor) {
  for (int64_t i = 0; i < n; i++) values[i] *= factor;
}

// adamRows(param, expAvg, expAvgSq, moved, step, lr, beta1, beta2, weightDecay, eps, maximize)
//
// One step of AdamW on a table [rows, ...] by its coalesced sparse gradient. `moved` (uint8 [rows]) marks the rows
// that ever had a gradient: the moments of the others are zero, so that weight decay alone changes them.
napi_value adam_rows(Env& env, const Args& args) {
  const at::Tensor& param = to_tensor(env, args[0]);
  const at::Tensor &exp_avg = to_tensor(env, args[1]), &exp_avg_sq = to_tensor(env, args[2]);
  const at::Tensor& moved = to_tensor(env, args[3]);
  double count = to_double(env, args[4]), lr = to_double(env, args[5]), beta1 = to_double(env, args[6]);
  double beta2 = to_double(env, args[7]), weight_decay = to_double(env, args[8]), eps = to_double(env, args[9]);
  float sign = to_bool(env, args[10]) ? -1 : 1;
  const at::Tensor& gradient = param.grad();
  TORCH_CHECK(gradient.defined() && gradient.is_sparse() && gradient.is_coalesced() && gradient.sparse_dim() == 1,
              "the gradient must be sparse, coalesced and by rows");
  at::Tensor indices = gradient._indices().select(0, 0).contiguous(), values = gradient._values().contiguous();
  int64_t rows = param.size(0), width = rows == 0 ? 0 : param.numel() / rows;
  for (const auto* tensor : {&param, &exp_avg, &exp_avg_sq, &std::as_const(values)}) {
    TORCH_CHECK(tensor->scalar_type() == at::kFloat && tensor->device().is_cpu() && tensor->is_contiguous(),
                "tables must be contiguous float32 on the CPU");
  }
  TORCH_CHECK(exp_avg.numel() == param.numel() && exp_avg_sq.numel() == param.numel() && moved.numel() == rows &&
                  moved.scalar_type() == at::kByte && moved.is_contiguous(),
              "state must have the parameter's rows");

  std::vector<int64_t> value_of(rows, -1);
  auto* marks = moved.mutable_data_ptr<uint8_t>();
  const auto* index = indices.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < indices.numel(); i++) {
    TORCH_CHECK(index[i] >= 0 && index[i] < rows, "row ", index[i], " is not one of ", rows);
    value_of[index[i]] = i;
    marks[index[i]] = 1;
  }
  AdamStep step{};
  step.beta2 = static_cast<float>(beta2);
  step.eps = static_cast<float>(eps);
  step.decay = static_cast<float>(1 - lr * weight_decay);
  step.rate = static_cast<float>(lr / (1 - std::pow(beta1, count)));
  step.root = static_cast<float>(std::sqrt(1 - std::pow(beta2, count)));
  step.average = static_cast<float>(1 - beta1);
  const std::vector<float> none(width, 0);
  auto* p = param.mutable_data_ptr<float>();
  auto *m = exp_avg.mutable_data_ptr<float>(), *v = exp_avg_sq.mutable_data_ptr<float>();
  const auto* g = values.const_data_ptr<float>();
  at::parallel_for(0, rows, 256, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      int64_t at = row * width;
      if (marks[row] != 0) {
        const float* gradients = value_of[row] < 0 ? none.data() : g + value_of[row] * width;
        adam(p + at, gradients, m + at, v + at, width, sign, step);
      } else if (step.decay != 1) {
        scale(p + at, width, step.decay);
      }
    }
  });
  for (const auto* changed : {&param, &exp_avg, &exp_avg_sq}) changed->unsafeGetTensorImpl()->bump_version();
  return undefined(env);
}

}  // namespace

void define_rows(Env& env, napi_value exports) {
  define<is_sparse>(env, exports, "isSparse");
  define<holds_rows>(env, exports, "holdsRows");
  define<grad_values>(env, exports, "gradValues");
  define<zeros_on_demand>(env, exports, "zerosOnDemand");
  define<adam_rows>(env, exports, "adamRows");
}

}  // namespace sconce
