// Attention over short sequences on the CPU. libtorch's kernel there is made for long ones, and with dropout it falls
// back to some twenty operators a layer; here a head is one pass over scratch memory that fits the cache, forward
// and backward, in float32 whatever the inputs are. Dropout takes the same random numbers as libtorch's.
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>

#include "modules.h"

namespace sconce {

namespace {

// longer ones were not faster, and scratch would leave the cache
constexpr int64_t kLongest = 192;
constexpr int64_t kWidest = 256;  // elements of a head
constexpr int64_t kLanes = 16;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are passed between inlined functions alone
using Lanes = float __attribute__((vector_size(64), aligned(4), may_alias));
using Ints = int32_t __attribute__((vector_size(64), aligned(4), may_alias));

#define SCONCE_CLONES __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3", "no-math-errno", "no-trapping-math")))
#define SCONCE_INLINE inline __attribute__((always_inline))

int64_t padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

template <int kRows, int kVectors>
SCONCE_INLINE void tile(const float* a, int64_t a_row, int64_t a_column, const float* b, float* c, int64_t depth,
                        int64_t columns) {
  Lanes sums[kRows][kVectors] = {};
  for (int64_t k = 0; k < depth; k++) {
    for (int v = 0; v < kVectors; v++) {
      Lanes right = *reinterpret_cast<const Lanes*>(b + k * columns + v * kLanes);
      for (int r = 0; r < kRows; r++) sums[r][v] += a[r * a_row + k * a_column] * right;
    }
  }
  for (int r = 0; r < kRows; r++) {
    for (int v = 0; v < kVectors; v++) *reinterpret_cast<Lanes*>(c + r * columns + v * kLanes) = sums[r][v];
  }
}

// c [rows, columns] = a [rows, depth] b [depth, columns]; `columns` is a multiple of the lanes, a has any strides
SCONCE_CLONES void multiply(const float* a, int64_t a_row, int64_t a_column, const float* b, float* c, int64_t rows,
                            int64_t depth, int64_t columns) {
  for (int64_t j = 0; j < columns;) {
    bool two = j + 2 * kLanes <= columns;
    for (int64_t i = 0; i < rows;) {
      const float* left = a + i * a_row;
      float* out = c + i * columns + j;
      bool four = i + 4 <= rows;
      if (four && two) tile<4, 2>(left, a_row, a_column, b + j, out, depth, columns);
      else if (four) tile<4, 1>(left, a_row, a_column, b + j, out, depth, columns);
      else if (two) tile<1, 2>(left, a_row, a_column, b + j, out, depth, columns);
      else tile<1, 1>(left, a_row, a_column, b + j, out, depth, columns);
      i += four ? 4 : 1;
    }
    j += two ? 2 * kLanes : kLanes;
  }
}

// e^x for x <= 0 to about one unit in the last place: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2] (Cephes, expf)
SCONCE_INLINE Lanes exp_lanes(Lanes x) {
  Lanes clamped = x < -87.0f ? Lanes{} - 87.0f : x;
  Lanes shifted = clamped * 1.44269504f + 12582912.0f;  // the low bits of the sum are the rounded exponent
  Lanes n = shifted - 12582912.0f;
  Lanes r = clamped - n * 0.693359375f + n * 2.12194440e-4f;
  Lanes y = Lanes{} + 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.0f;
  Ints power = (reinterpret_cast<Ints&>(shifted) << 23) + reinterpret_cast<Ints&>(y);
  Lanes result = reinterpret_cast<Lanes&>(power);
  return x < -87.0f ? Lanes{} : x == x ? result : x;
}

SCONCE_INLINE float sum_of(Lanes x) {
  float sum = 0;
  for (int i = 0; i < kLanes; i++) sum += x[i];
  return sum;
}

// What turns a row of scores into probabilities: e^(score - largest) * inverse. One number, the logarithm of the sum,
// would not do: it loses the sum where scores are large, as under a mask of -1e9.
struct Norm {
  float largest, inverse;
};

// turns a row of scores into probabilities; a row that sees nothing becomes zero
SCONCE_CLONES Norm softmax(float* row, int64_t n) {
  float largest = -kInfinity;
  bool is_wrong = false;  // holds a not-a-number, which is to come out again
  for (int64_t j = 0; j < n; j++) {
    largest = row[j] > largest ? row[j] : largest;
    is_wrong |= row[j] != row[j];
  }
  if (largest == -kInfinity && !is_wrong) {
    for (int64_t j = 0; j < n; j++) row[j] = 0;
    return {kInfinity, 0};
  }
  Lanes total{};
  for (int64_t j = 0; j < n; j += kLanes) {
    auto& lanes = *reinterpret_cast<Lanes*>(row + j);
    lanes = exp_lanes(lanes - largest);
    total += lanes;
  }
  float inverse = 1 / sum_of(total);
  for (int64_t j = 0; j < n; j += kLanes) *reinterpret_cast<Lanes*>(row + j) *= inverse;
  return {largest, inverse};
}

// the probabilities again, from the scores and what softmax returned
SCONCE_CLONES void exponentiate(float* row, int64_t n, Norm norm) {
  for (int64_t j = 0; j < n; j += kLanes) {
    auto& lanes = *reinterpret_cast<Lanes*>(row + j);
    lanes = exp_lanes(lanes - norm.largest) * norm.inverse;
  }
}

// gradient of the scores, in place of that of the probabilities
SCONCE_CLONES void softmax_backward(const float* probabilities, float* gradient, int64_t n) {
  Lanes total{};
  for (int64_t j = 0; j < n; j += kLanes) {
    total += *reinterpret_cast<const Lanes*>(probabilities + j) * *reinterpret_cast<Lanes*>(gradient + j);
  }
  float sum = sum_of(total);
  for (int64_t j = 0; j < n; j += kLanes) {
    auto& lanes = *reinterpret_cast<Lanes*>(gradient + j);
    lanes = *reinterpret_cast<const Lanes*>(probabilities + j) * (lanes - sum);
  }
}

SCONCE_CLONES void keep(float* row, const uint8_t* kept, int64_t n, float scale) {
  for (int64_t j = 0; j < n; j++) row[j] *= static_cast<float>(kept[j]) * scale;
}

// what is inlined into clones must be builtin: the compiler keeps other functions out of code for another processor
SCONCE_INLINE float widen(c10::BFloat16 x) { return __builtin_bit_cast(float, static_cast<uint32_t>(x.x) << 16); }
SCONCE_INLINE float widen(float x) { return x; }

SCONCE_INLINE uint16_t narrow(float x) {  // to the nearest, ties to even; not-a-numbers stay such
  auto bits = __builtin_bit_cast(uint32_t, x);
  return x != x ? uint16_t{0x7fc0} : static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

SCONCE_CLONES void read_row(const c10::BFloat16* from, float* to, int64_t n, float scale) {
  for (int64_t j = 0; j < n; j++) to[j] = widen(from[j]) * scale;
}
SCONCE_CLONES void read_row(const float* from, float* to, int64_t n, float scale) {
  for (int64_t j = 0; j < n; j++) to[j] = from[j] * scale;
}
SCONCE_CLONES void write_row(const float* from, c10::BFloat16* to, int64_t n, float scale) {
  for (int64_t j = 0; j < n; j++) to[j].x = narrow(from[j] * scale);
}
SCONCE_CLONES void write_row(const float* from, float* to, int64_t n, float scale) {
  for (int64_t j = 0; j < n; j++) to[j] = from[j] * scale;
}

// One head of one batch row: [positions, width] with elements of a row side by side.
template <typename T>
struct Head {
  T* data;
  int64_t stride;
};

template <typename T>
Head<T> head_of(const at::Tensor& x, int64_t batch, int64_t head) {
  return {static_cast<T*>(x.data_ptr()) + batch * x.stride(0) + head * x.stride(1), x.stride(2)};
}

template <typename T>
void read(Head<T> from, float* to, int64_t rows, int64_t width, float scale = 1) {
  int64_t columns = padded(width);
  for (int64_t i = 0; i < rows; i++) {
    read_row(from.data + i * from.stride, to + i * columns, width, scale);
    std::fill(to + i * columns + width, to + (i + 1) * columns, 0.0f);
  }
}

// [width, padded rows]
template <typename T>
void read_transposed(Head<T> from, float* to, int64_t rows, int64_t width) {
  int64_t columns = padded(rows);
  for (int64_t j = 0; j < width; j++) {
    for (int64_t i = 0; i < rows; i++) to[j * columns + i] = widen(from.data[i * from.stride + j]);
    std::fill(to + j * columns + rows, to + (j + 1) * columns, 0.0f);
  }
}

template <typename T>
void write(const float* from, Head<T> to, int64_t rows, int64_t width, float scale = 1) {
  for (int64_t i = 0; i < rows; i++) write_row(from + i * padded(width), to.data + i * to.stride, width, scale);
}

// What a call is about, apart from its tensors.
struct Settings {
  double dropout;
  bool causal;
  double scale;
  float kept_scale() const { return dropout < 1 ? static_cast<float>(1 / (1 - dropout)) : 0.0f; }
};

struct Shape {
  int64_t batch, heads, queries, keys, width;
};

Shape shape_of(const at::Tensor& q, const at::Tensor& k) { return {q.size(0), q.size(1), q.size(2), k.size(2), q.size(3)}; }

// scores [queries, padded keys] with what a query may not see at minus infinity
void mask_scores(float* scores, const Shape& shape, const at::Tensor& mask, int64_t batch, int64_t head, bool causal) {
  int64_t columns = padded(shape.keys);
  for (int64_t i = 0; i < shape.queries; i++) {
    float* row = scores + i * columns;
    std::fill(row + shape.keys, row + columns, -kInfinity);
    if (causal && i + 1 < shape.keys) std::fill(row + i + 1, row + shape.keys, -kInfinity);
    if (!mask.defined()) continue;
    int64_t at = batch * mask.stride(0) + head * mask.stride(1) + i * mask.stride(2), step = mask.stride(3);
    if (mask.scalar_type() == at::kBool) {
      const bool* allowed = mask.const_data_ptr<bool>() + at;
      for (int64_t j = 0; j < shape.keys; j++) row[j] = allowed[j * step] ? row[j] : -kInfinity;
    } else {
      const float* added = mask.const_data_ptr<float>() + at;
      for (int64_t j = 0; j < shape.keys; j++) row[j] += added[j * step];
    }
  }
}

template <typename Work>
void for_each_head(const Shape& shape, int64_t scratch_size, const Work& work) {
  at::parallel_for(0, shape.batch * shape.heads, 4, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(scratch_size);
    for (int64_t i = begin; i < end; i++) work(i / shape.heads, i % shape.heads, scratch.data());
  });
}

const uint8_t* kept_of(const at::Tensor& kept, const Shape& shape, int64_t batch, int64_t head) {
  return kept.defined() ? kept.const_data_ptr<uint8_t>() + (batch * shape.heads + head) * shape.queries * shape.keys : nullptr;
}

Norm* norms_of(const at::Tensor& norms, const Shape& shape, int64_t batch, int64_t head) {
  return static_cast<Norm*>(norms.data_ptr()) + (batch * shape.heads + head) * shape.queries;
}

// in the layout that heads are split from, so that joining them again copies nothing; a view may not change in place
at::Tensor blank_like(const at::Tensor& x) {
  auto [heads, rows, width] = std::tuple(x.size(1), x.size(2), x.size(3));
  return at::empty_strided(x.sizes(), {rows * heads * width, width, heads * width, 1}, x.options());
}

template <typename T>
void forward_heads(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask,
                   const at::Tensor& kept, const at::Tensor& out, const at::Tensor& norms, const Settings& settings) {
  Shape shape = shape_of(q, k);
  auto [queries, keys, width] = std::tuple(shape.queries, shape.keys, shape.width);
  int64_t wide = padded(width), long_keys = padded(keys);
  int64_t scratch = 2 * queries * wide + width * long_keys + keys * wide + queries * long_keys;
  for_each_head(shape, scratch, [&](int64_t batch, int64_t head, float* memory) {
    float* query = memory;
    float* key = query + queries * wide;
    float* value = key + width * long_keys;
    float* scores = value + keys * wide;
    float* result = scores + queries * long_keys;
    read(head_of<T>(q, batch, head), query, queries, width, static_cast<float>(settings.scale));
    read_transposed(head_of<T>(k, batch, head), key, keys, width);
    read(head_of<T>(v, batch, head), value, keys, width);
    multiply(query, wide, 1, key, scores, queries, width, long_keys);
    mask_scores(scores, shape, mask, batch, head, settings.causal);
    Norm* norm = norms_of(norms, shape, batch, head);
    const uint8_t* bits = kept_of(kept, shape, batch, head);
    for (int64_t i = 0; i < queries; i++) {
      norm[i] = softmax(scores + i * long_keys, long_keys);
      if (bits != nullptr) keep(scores + i * long_keys, bits + i * keys, keys, settings.kept_scale());
    }
    multiply(scores, long_keys, 1, value, result, queries, keys, wide);
    write(result, head_of<T>(out, batch, head), queries, width);
  });
}

template <typename T>
void backward_heads(const at::Tensor& gradient, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const at::Tensor& mask, const at::Tensor& kept, const at::Tensor& norms, const at::Tensor& q_gradient,
                    const at::Tensor& k_gradient, const at::Tensor& v_gradient, const Settings& settings) {
  Shape shape = shape_of(q, k);
  auto [queries, keys, width] = std::tuple(shape.queries, shape.keys, shape.width);
  int64_t wide = padded(width), long_keys = padded(keys);
  int64_t scratch = 2 * queries * wide + 2 * width * long_keys + keys * wide + 2 * queries * long_keys +
                    std::max(queries, keys) * wide;
  auto scale = static_cast<float>(settings.scale);
  for_each_head(shape, scratch, [&](int64_t batch, int64_t head, float* memory) {
    float* query = memory;
    float* out = query + queries * wide;
    float* key = out + queries * wide;
    float* turned = key + keys * wide;  // keys, then values, [width, keys]
    float* scores = turned + width * long_keys;
    float* dropped = scores + queries * long_keys;
    float* result = dropped + queries * long_keys;
    read(head_of<T>(q, batch, head), query, queries, width, scale);
    read(head_of<T>(gradient, batch, head), out, queries, width);
    read(head_of<T>(k, batch, head), key, keys, width);

    // the probabilities again, then those that dropout let through
    read_transposed(head_of<T>(k, batch, head), turned, keys, width);
    multiply(query, wide, 1, turned, scores, queries, width, long_keys);
    mask_scores(scores, shape, mask, batch, head, settings.causal);
    const Norm* norm = norms_of(norms, shape, batch, head);
    for (int64_t i = 0; i < queries; i++) exponentiate(scores + i * long_keys, long_keys, norm[i]);
    const uint8_t* bits = kept_of(kept, shape, batch, head);
    std::copy(scores, scores + queries * long_keys, dropped);
    for (int64_t i = 0; bits != nullptr && i < queries; i++) {
      keep(dropped + i * long_keys, bits + i * keys, keys, settings.kept_scale());
    }
    multiply(dropped, 1, long_keys, out, result, keys, queries, wide);
    write(result, head_of<T>(v_gradient, batch, head), keys, width);

    // from here on `dropped` holds gradients: of the probabilities, then of the scores
    read_transposed(head_of<T>(v, batch, head), turned, keys, width);
    multiply(out, wide, 1, turned, dropped, queries, width, long_keys);
    for (int64_t i = 0; i < queries; i++) {
      if (bits != nullptr) keep(dropped + i * long_keys, bits + i * keys, keys, settings.kept_scale());
      softmax_backward(scores + i * long_keys, dropped + i * long_keys, long_keys);
    }
    multiply(dropped, long_keys, 1, key, result, queries, keys, wide);
    write(result, head_of<T>(q_gradient, batch, head), queries, width, scale);
    multiply(dropped, 1, long_keys, query, result, keys, queries, wide);
    write(result, head_of<T>(k_gradient, batch, head), keys, width);
  });
}

// The gradients once more, by operators that record a graph, for second derivatives.
std::tuple<at::Tensor, at::Tensor, at::Tensor> differentiable_backward(
    const at::Tensor& gradient, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask,
    const at::Tensor& kept, const Settings& settings) {
  auto wide = [](const at::Tensor& x) { return x.to(at::kFloat); };
  at::Tensor scores = at::matmul(wide(q), wide(k).transpose(-2, -1)) * settings.scale;
  if (settings.causal) {
    auto seen = at::ones({q.size(2), k.size(2)}, q.options().dtype(at::kBool)).tril();
    scores = scores.masked_fill(seen.logical_not(), -kInfinity);
  }
  if (mask.defined()) {
    scores = mask.scalar_type() == at::kBool ? scores.masked_fill(mask.logical_not(), -kInfinity) : scores + mask;
  }
  at::Tensor probabilities = at::_safe_softmax(scores, -1);
  at::Tensor noise = kept.defined() ? kept.to(at::kFloat) * settings.kept_scale() : at::ones({}, q.options().dtype(at::kFloat));
  at::Tensor out = wide(gradient);
  at::Tensor v_gradient = at::matmul((probabilities * noise).transpose(-2, -1), out);
  at::Tensor inner = at::matmul(out, wide(v).transpose(-2, -1)) * noise;
  at::Tensor scores_gradient = probabilities * (inner - (probabilities * inner).sum(-1, true));
  at::Tensor q_gradient = at::matmul(scores_gradient, wide(k)) * settings.scale;
  at::Tensor k_gradient = at::matmul(scores_gradient.transpose(-2, -1), wide(q)) * settings.scale;
  return {q_gradient.to(q.scalar_type()), k_gradient.to(k.scalar_type()), v_gradient.to(v.scalar_type())};
}

// whether the numbers lie in memory as they are
bool is_plain(const at::Tensor& x) {
  // tensors of a transform, as in vmap, hold no memory of their own
  return x.has_storage() && x.device().is_cpu() && x.layout() == at::kStrided && !x.is_neg() && !x._is_zerotensor();
}

bool takes(const at::Tensor& x) {
  return is_plain(x) && x.dim() == 4 && x.numel() > 0 && x.stride(3) == 1 &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

class ShortAttention : public torch::autograd::Function<ShortAttention> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::optional<at::Tensor>& given_mask, double dropout, bool causal,
                            double scale) {
    RECORD_FUNCTION("sconce::short_attention", std::vector<c10::IValue>({q, k, v}));
    at::Tensor mask = given_mask.value_or(at::Tensor());
    Settings settings{dropout, causal, scale};
    Shape shape = shape_of(q, k);
    at::Tensor kept;
    if (dropout > 0) {
      kept = at::empty({shape.batch, shape.heads, shape.queries, shape.keys}, q.options().dtype(at::kByte));
      kept.bernoulli_(1 - dropout);
    }
    at::Tensor out = blank_like(q);
    at::Tensor norms = at::empty({shape.batch, shape.heads, shape.queries, 2}, q.options().dtype(at::kFloat));
    if (q.scalar_type() == at::kFloat) forward_heads<float>(q, k, v, mask, kept, out, norms, settings);
    else forward_heads<c10::BFloat16>(q, k, v, mask, kept, out, norms, settings);
    context->save_for_backward({q, k, v, mask, kept, norms});
    context->saved_data["settings"] = std::tuple(dropout, causal, scale);
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    if (!gradients[0].defined()) return torch::autograd::variable_list(7);
    auto saved = context->get_saved_variables();
    auto settings = std::apply([](auto... values) { return Settings{values...}; },
                               context->saved_data["settings"].to<std::tuple<double, bool, double>>());
    const auto &q = saved[0], &k = saved[1], &v = saved[2], &mask = saved[3], &kept = saved[4], &norms = saved[5];
    if (at::GradMode::is_enabled()) {
      auto [q_gradient, k_gradient, v_gradient] = differentiable_backward(gradients[0], q, k, v, mask, kept, settings);
      return {q_gradient, k_gradient, v_gradient, {}, {}, {}, {}};
    }
    RECORD_FUNCTION("sconce::short_attention_backward", std::vector<c10::IValue>({q, k, v, settings.dropout}));
    at::Tensor gradient = takes(gradients[0]) ? gradients[0] : gradients[0].clone(at::MemoryFormat::Contiguous);
    at::Tensor q_gradient = blank_like(q), k_gradient = blank_like(k), v_gradient = blank_like(v);
    if (q.scalar_type() == at::kFloat) {
      backward_heads<float>(gradient, q, k, v, mask, kept, norms, q_gradient, k_gradient, v_gradient, settings);
    } else {
      backward_heads<c10::BFloat16>(gradient, q, k, v, mask, kept, norms, q_gradient, k_gradient, v_gradient, settings);
    }
    return {q_gradient, k_gradient, v_gradient, {}, {}, {}, {}};
  }
};

bool takes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return takes(q) && takes(k) && takes(v) && q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type() &&
         q.size(0) == k.size(0) && q.size(1) == k.size(1) && q.size(3) == k.size(3) && k.sizes() == v.sizes() &&
         q.size(2) <= kLongest && k.size(2) <= kLongest && q.size(3) <= kWidest;
}

bool takes_mask(const at::Tensor& mask) {
  return is_plain(mask) && !mask.requires_grad() && mask.dim() <= 4 &&
         (mask.scalar_type() == at::kBool || mask.scalar_type() == at::kFloat);
}

// scaledDotProductAttention(q, k, v, mask | null, dropout, causal, scale | undefined) -> handle, or 0 where libtorch's kernel is to do it
napi_value short_attention(Env& env, const Args& args) {
  at::Tensor q = to_tensor(env, args[0]), k = to_tensor(env, args[1]), v = to_tensor(env, args[2]);
  at::Tensor mask = to_optional_tensor(env, args[3]);
  double dropout = to_double(env, args[4]);
  bool causal = to_bool(env, args[5]);
  if (at::autocast::is_autocast_enabled(at::kCPU)) {
    auto dtype = at::autocast::get_autocast_dtype(at::kCPU);
    for (auto* x : {&q, &k, &v}) *x = at::autocast::cached_cast(dtype, *x, at::kCPU);
  }
  // without dropout libtorch's flash kernel is as fast or faster, but for its bfloat16 backward
  bool records = at::GradMode::is_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad());
  bool faster = dropout > 0 || (records && q.scalar_type() == at::kBFloat16);
  bool fits = faster && takes(q, k, v) && (!mask.defined() || takes_mask(mask)) && dropout >= 0 && dropout <= 1 &&
              !(causal && mask.defined());
  if (!fits) return from_int64(env, 0);
  double scale = is_nullish(env, args[6]) ? 1 / std::sqrt(static_cast<double>(q.size(3))) : to_double(env, args[6]);
  std::optional<at::Tensor> expanded;  // an undefined tensor is no input of a function
  if (mask.defined()) expanded = mask.expand({q.size(0), q.size(1), q.size(2), k.size(2)});
  return from_tensor(env, ShortAttention::apply(q, k, v, expanded, dropout, causal, scale));
}

}  // namespace

void define_attention(Env& env, napi_value exports) { define<short_attention>(env, exports, "scaledDotProductAttention"); }

}  // namespace sconce
