// libtorch's process-wide switches: threads, random generators, determinism, attention kernels.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include "modules.h"

namespace sconce {

namespace {

napi_value set_num_threads(Env& env, const Args& args) {
  // a thread's first operator takes the number that any thread has set last: let that have happened, in libtorch and here
  at::get_num_threads();
  at::internal::lazy_init_num_threads();
  at::set_num_threads(to_int32(env, args[0]));
  return undefined(env);
}

napi_value num_threads(Env& env, const Args&) { return from_int64(env, at::get_num_threads()); }

napi_value set_num_interop_threads(Env& env, const Args& args) {
  at::set_num_interop_threads(to_int32(env, args[0]));
  return undefined(env);
}

napi_value num_interop_threads(Env& env, const Args&) {
  return from_int64(env, static_cast<int64_t>(at::get_num_interop_threads()));
}

// manualSeed(seed): all default generators
napi_value manual_seed(Env& env, const Args& args) {
  at::manual_seed(static_cast<uint64_t>(to_int64(env, args[0])));
  return undefined(env);
}

// newGenerator(seed) -> index
napi_value new_generator(Env& env, const Args& args) {
  env.generators.push_back(at::make_generator<at::CPUGeneratorImpl>(static_cast<uint64_t>(to_int64(env, args[0]))));
  return from_int64(env, static_cast<int64_t>(env.generators.size()) - 1);
}

// generatorState(index | device) -> uint8 tensor
napi_value generator_state(Env& env, const Args& args) {
  auto generator = generator_of(env, args[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  return from_tensor(env, generator.get_state());
}

napi_value set_generator_state(Env& env, const Args& args) {
  auto generator = generator_of(env, args[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(to_tensor(env, args[1]));
  return undefined(env);
}

napi_value seed_generator(Env& env, const Args& args) {
  auto generator = generator_of(env, args[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(static_cast<uint64_t>(to_int64(env, args[1])));
  return undefined(env);
}

// generatorSeed(index | device) -> the seed it started from; a bigint beyond 2^53
napi_value generator_seed(Env& env, const Args& args) {
  auto generator = generator_of(env, args[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  uint64_t seed = generator.current_seed();
  if (seed <= 9007199254740992ULL) return from_int64(env, static_cast<int64_t>(seed));
  napi_value big;
  check(napi_create_bigint_uint64(env.napi, seed, &big), "create bigint");
  return big;
}

// setDeterministic(enabled, warnOnly, fillUninitializedMemory)
napi_value set_deterministic(Env& env, const Args& args) {
  auto& context = at::globalContext();
  context.setDeterministicAlgorithms(to_bool(env, args[0]), to_bool(env, args[1]));
  context.setDeterministicFillUninitializedMemory(to_bool(env, args[2]));
  return undefined(env);
}

// deterministic() -> [enabled, warnOnly, fillUninitializedMemory]
napi_value deterministic(Env& env, const Args&) {
  const auto& context = at::globalContext();
  napi_value state = new_array(env, 3);
  set_element(env, state, 0, from_bool(env, context.deterministicAlgorithms()));
  set_element(env, state, 1, from_bool(env, context.deterministicAlgorithmsWarnOnly()));
  set_element(env, state, 2, from_bool(env, context.deterministicFillUninitializedMemory()));
  return state;
}

// setFlashAttention(enabled): off, attention uses the mathematical form
napi_value set_flash_attention(Env& env, const Args& args) {
  at::globalContext().setSDPUseFlash(to_bool(env, args[0]));
  return undefined(env);
}

napi_value flash_attention(Env& env, const Args&) { return from_bool(env, at::globalContext().userEnabledFlashSDP()); }

// setFloat32MatmulPrecision("highest" | "high" | "medium")
napi_value set_float32_matmul_precision(Env& env, const Args& args) {
  at::globalContext().setFloat32MatmulPrecision(to_string(env, args[0]));
  return undefined(env);
}

napi_value float32_matmul_precision(Env& env, const Args&) {
  switch (at::globalContext().float32MatmulPrecision()) {
    case at::Float32MatmulPrecision::HIGHEST: return from_string(env, "highest");
    case at::Float32MatmulPrecision::HIGH: return from_string(env, "high");
    default: return from_string(env, "medium");
  }
}

// setFlushDenormal(enabled) -> whether the processor can
napi_value set_flush_denormal(Env& env, const Args& args) {
  return from_bool(env, at::globalContext().setFlushDenormal(to_bool(env, args[0])));
}

// deviceName(text) -> the device as libtorch spells it
napi_value device_name(Env& env, const Args& args) { return from_string(env, c10::Device(to_string(env, args[0])).str()); }

napi_value version(Env& env, const Args&) { return from_string(env, TORCH_VERSION); }
napi_value cpu_capability(Env& env, const Args&) { return from_string(env, at::get_cpu_capability()); }

// setErrorClass(constructor): what the catch site throws
napi_value set_error_class(Env& env, const Args& args) {
  if (env.error_class != nullptr) check(napi_delete_reference(env.napi, env.error_class), "delete reference");
  check(napi_create_reference(env.napi, args[0], 1, &env.error_class), "reference to the error class");
  return undefined(env);
}

}  // namespace

at::Generator generator_of(Env& env, napi_value value) {
  if (type_of(env, value) == napi_string) return at::globalContext().defaultGenerator(c10::Device(to_string(env, value)));
  int64_t index = to_int64(env, value);
  if (index < 0 || index >= static_cast<int64_t>(env.generators.size())) throw ArgumentError("must be a Generator");
  return env.generators[index];
}

void define_context(Env& env, napi_value exports) {
  // indices outside a sparse tensor would read and write other memory
  at::globalContext().setCheckSparseTensorInvariants(true);
  define<set_num_threads>(env, exports, "setNumThreads");
  define<num_threads>(env, exports, "numThreads");
  define<set_num_interop_threads>(env, exports, "setNumInteropThreads");
  define<num_interop_threads>(env, exports, "numInteropThreads");
  define<manual_seed>(env, exports, "manualSeed");
  define<new_generator>(env, exports, "newGenerator");
  define<generator_state>(env, exports, "generatorState");
  define<set_generator_state>(env, exports, "setGeneratorState");
  define<seed_generator>(env, exports, "seedGenerator");
  define<generator_seed>(env, exports, "generatorSeed");
  define<set_deterministic>(env, exports, "setDeterministic");
  define<deterministic>(env, exports, "deterministic");
  define<set_flash_attention>(env, exports, "setFlashAttention");
  define<flash_attention>(env, exports, "flashAttention");
  define<set_float32_matmul_precision>(env, exports, "setFloat32MatmulPrecision");
  define<float32_matmul_precision>(env, exports, "float32MatmulPrecision");
  define<set_flush_denormal>(env, exports, "setFlushDenormal");
  define<device_name>(env, exports, "deviceName");
  define<version>(env, exports, "version");
  define<cpu_capability>(env, exports, "cpuCapability");
  define<set_error_class>(env, exports, "setErrorClass");
}

}  // namespace sconce
