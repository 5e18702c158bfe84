// Draws dropout masks several times faster than libtorch's own kernel on CPUs where that is serial, from the
// same generator and with the same result bit for bit, so that a seeded run still follows PyTorch's.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Dispatch.h>
#include <ATen/ops/bernoulli_native.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <cmath>

#include "modules.h"

namespace sconce {

namespace {

constexpr size_t kState = at::MERSENNE_STATE_N;
constexpr size_t kMiddle = at::MERSENNE_STATE_M;

// Advances the state of a Mersenne Twister (Matsumoto and Nishimura, 1998). Element i depends on i + 397 or
// i - 227, so that the compiler can compute many at once.
__attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3"))) void twist(uint32_t* state) {
  auto mix = [](uint32_t u, uint32_t v) {
    return (((u & 0x80000000u) | (v & 0x7fffffffu)) >> 1) ^ ((0u - (v & 1u)) & 0x9908b0dfu);
  };
  for (size_t i = 0; i < kState - kMiddle; i++) state[i] = state[i + kMiddle] ^ mix(state[i], state[i + 1]);
  for (size_t i = kState - kMiddle; i < kState - 1; i++) {
    state[i] = state[i - (kState - kMiddle)] ^ mix(state[i], state[i + 1]);
  }
  state[kState - 1] = state[kMiddle - 1] ^ mix(state[kState - 1], state[0]);
}

__attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3"))) void temper(const uint32_t* state,
                                                                                         uint32_t* out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t y = state[i];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    out[i] = y ^ (y >> 18);
  }
}

// Takes n words off the generator, as n calls of its own operator() would.
void take(at::mt19937_data_pod& data, uint32_t* out, size_t n) {
  size_t left = static_cast<size_t>(data.left_) - 1;
  while (n > 0) {
    if (left == 0) {
      twist(data.state_.data());
      data.next_ = 0;
      left = kState;
    }
    size_t count = std::min(n, left);
    temper(data.state_.data() + data.next_, out, count);
    data.next_ += static_cast<uint32_t>(count);
    left -= count;
    out += count;
    n -= count;
  }
  data.left_ = static_cast<int>(left) + 1;
}

// 1 where the 53 low bits of two words, high word first, are below the threshold
__attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3"))) void compare(const uint32_t* words,
                                                                                          uint64_t threshold,
                                                                                          uint8_t* out, size_t n) {
  constexpr uint64_t kMask = (uint64_t{1} << 53) - 1;
  for (size_t i = 0; i < n; i++) {
    uint64_t bits = (uint64_t{words[2 * i]} << 32) | words[2 * i + 1];
    out[i] = (bits & kMask) < threshold;
  }
}

at::Tensor& bernoulli_(at::Tensor& self, double p, std::optional<at::Generator> generator) {
  // not in memory order: libtorch's own kernel knows its order
  if (!self.is_non_overlapping_and_dense()) return at::native::bernoulli_(self, p, generator);
  TORCH_CHECK(0 <= p && p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", p);
  auto* source = at::get_generator_or_default<at::CPUGeneratorImpl>(generator, at::detail::getDefaultCPUGenerator());
  std::lock_guard<std::mutex> lock(source->mutex_);
  at::mt19937 engine = source->engine();
  at::mt19937_data_pod data = engine.data();
  auto threshold = static_cast<uint64_t>(std::ceil(std::ldexp(p, 53)));  // exact: u < p as doubles
  AT_DISPATCH_ALL_TYPES_AND3(at::kBool, at::kBFloat16, at::kHalf, self.scalar_type(), "bernoulli_", [&] {
    constexpr size_t kBlock = 2048;
    uint32_t words[2 * kBlock];
    uint8_t kept[kBlock];
    auto* out = self.mutable_data_ptr<scalar_t>();
    for (size_t n = static_cast<size_t>(self.numel()); n > 0;) {
      size_t count = std::min(n, kBlock);
      take(data, words, 2 * count);
      compare(words, threshold, kept, count);
      for (size_t i = 0; i < count; i++) out[i] = static_cast<scalar_t>(kept[i]);
      out += count;
      n -= count;
    }
  });
  engine.set_data(data);
  source->set_engine(engine);
  return self;
}

// says nothing: replacing a kernel is announced as a warning
class Silent : public c10::WarningHandler {
  void process(const c10::Warning&) override {}
};

// Whether libtorch's own kernel draws what ours draws: MKL's, which it takes on some CPUs, has another stream.
bool draws_the_same() {
  auto theirs = at::make_generator<at::CPUGeneratorImpl>(1), ours = at::make_generator<at::CPUGeneratorImpl>(1);
  at::Tensor a = at::empty({1024}), b = at::empty({1024});
  at::native::bernoulli_(a, 0.9, theirs);
  bernoulli_(b, 0.9, ours);
  return a.equal(b) && theirs.get_state().equal(ours.get_state());
}

}  // namespace

void replace_bernoulli() {
  if (!draws_the_same()) return;
  Silent silent;
  c10::WarningUtils::WarningHandlerGuard guard(&silent);
  static torch::Library library(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__, __LINE__);
  library.impl("bernoulli_.float", bernoulli_);
}

}  // namespace sconce
