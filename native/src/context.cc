// libtorch's process-wide switches: threads, random generators, determinism, attention kernels.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include "modules.h"

namespace sconce {

namespace {

napi_value set_num_threads(Env& env, const Args& args) {
  at::set_num_threads(to_int32(env, args[0]));
  return undefined(env);
}

napi_value num_threads(Env& env, const Args&) { return from_int64(env, at::get_num_threads()); }

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

// index -1 is the default generator
at::Generator generator_at(Env& env, napi_value value) {
  int64_t index = to_int64(env, value);
  if (index == -1) return at::detail::getDefaultCPUGenerator();
  if (index < 0 || index >= static_cast<int64_t>(env.generators.size())) throw ArgumentError("must be a Generator");
  return env.generators[index];
}

// generatorState(index) -> uint8 tensor
napi_value generator_state(Env& env, const Args& args) {
  auto generator = generator_at(env, args[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  return from_tensor(env, generator.get_state());
}

napi_value set_generator_state(Env& env, const Args& args) {
  auto generator = generator_at(env, args[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(to_tensor(env, args[1]));
  return undefined(env);
}

napi_value seed_generator(Env& env, const Args& args) {
  auto generator = generator_at(env, args[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(static_cast<uint64_t>(to_int64(env, args[1])));
  return undefined(env);
}

// setDeterministic(enabled, warnOnly)
napi_value set_deterministic(Env& env, const Args& args) {
  at::globalContext().setDeterministicAlgorithms(to_bool(env, args[0]), to_bool(env, args[1]));
  return undefined(env);
}

// setFlashAttention(enabled): off, attention uses the mathematical form
napi_value set_flash_attention(Env& env, const Args& args) {
  at::globalContext().setSDPUseFlash(to_bool(env, args[0]));
  return undefined(env);
}

napi_value flash_attention(Env& env, const Args&) { return from_bool(env, at::globalContext().userEnabledFlashSDP()); }
napi_value has_cuda(Env& env, const Args&) { return from_bool(env, at::hasCUDA()); }
napi_value version(Env& env, const Args&) { return from_string(env, TORCH_VERSION); }
napi_value cpu_capability(Env& env, const Args&) { return from_string(env, at::get_cpu_capability()); }

// setErrorClass(constructor): what the catch site throws
napi_value set_error_class(Env& env, const Args& args) {
  if (env.error_class != nullptr) check(napi_delete_reference(env.napi, env.error_class), "delete reference");
  check(napi_create_reference(env.napi, args[0], 1, &env.error_class), "reference to the error class");
  return undefined(env);
}

}  // namespace

void define_context(Env& env, napi_value exports) {
  define<set_num_threads>(env, exports, "setNumThreads");
  define<num_threads>(env, exports, "numThreads");
  define<manual_seed>(env, exports, "manualSeed");
  define<new_generator>(env, exports, "newGenerator");
  define<generator_state>(env, exports, "generatorState");
  define<set_generator_state>(env, exports, "setGeneratorState");
  define<seed_generator>(env, exports, "seedGenerator");
  define<set_deterministic>(env, exports, "setDeterministic");
  define<set_flash_attention>(env, exports, "setFlashAttention");
  define<flash_attention>(env, exports, "flashAttention");
  define<has_cuda>(env, exports, "hasCuda");
  define<version>(env, exports, "version");
  define<cpu_capability>(env, exports, "cpuCapability");
  define<set_error_class>(env, exports, "setErrorClass");
}

}  // namespace sconce
