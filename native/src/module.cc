// Entry point: runs once in each JavaScript environment that loads the addon (main thread, workers).
#include "dispatch.h"
#include "modules.h"

NAPI_MODULE_INIT() {
  using namespace sconce;
  // once in a process, however many environments load the addon
  static bool prepared = (tune_allocator(), replace_bernoulli(), install_engine(), true);
  (void)prepared;
  auto* state = new Env(env);
  Env::install(state);
  napi_add_env_cleanup_hook(
      env,
      [](void* data) {
        Env::install(nullptr);
        delete static_cast<Env*>(data);
      },
      state);
  define_dispatch(*state, exports);
  define_tensor(*state, exports);
  define_autograd(*state, exports);
  define_engine(*state, exports);
  define_graph(*state, exports);
  define_function(*state, exports);
  define_memory(*state, exports);
  define_context(*state, exports);
  define_files(*state, exports);
  return exports;
}
