// What each file of the addon exports to JavaScript.
#pragma once
#include "env.h"

namespace sconce {

void define_dispatch(Env& env, napi_value exports);
void define_tensor(Env& env, napi_value exports);
void define_autograd(Env& env, napi_value exports);
void define_engine(Env& env, napi_value exports);
void define_graph(Env& env, napi_value exports);
void define_saved(Env& env, napi_value exports);
void define_function(Env& env, napi_value exports);
void define_memory(Env& env, napi_value exports);
void define_context(Env& env, napi_value exports);
void define_files(Env& env, napi_value exports);
void define_cuda(Env& env, napi_value exports);
void define_profiler(Env& env, napi_value exports);
void define_attention(Env& env, napi_value exports);
void define_rows(Env& env, napi_value exports);
void define_functorch(Env& env, napi_value exports);

// the generator of this environment by index, or a device's default one by the device's name
at::Generator generator_of(Env& env, napi_value value);

// what a tensor holds that levels of grad and jvp wrap; any other tensor itself
at::Tensor beneath_levels(at::Tensor tensor);

// ends what this thread is recording: libtorch crashes where a process exits before
void end_profile();

void tune_allocator();

// gives the memory of free blocks for tensors back to the system
void trim_arena();

void replace_bernoulli();
void install_engine();

}  // namespace sconce
