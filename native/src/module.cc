// Entry point: runs once in each JavaScript environment that loads the addon (main thread, workers).
#include <c10/util/Exception.h>

#include <cstdio>

#include "dispatch.h"
#include "modules.h"

namespace {

// writes libtorch's warnings as our own look, without the place in its C++
class Warnings : public c10::WarningHandler {
  void process(const c10::Warning& warning) override {
    std::fprintf(stderr, "warn: libtorch: %s\n", warning.msg().c_str());
  }
};

}  // namespace

NAPI_MODULE_INIT() {
  using namespace sconce;
  // once in a process, however many environments load the addon
  static bool prepared = (tune_allocator(), replace_bernoulli(), install_engine(), true);
  (void)prepared;
  static Warnings warnings;
  c10::WarningUtils::set_warning_handler(&warnings);  // of this thread
  auto* state = new Env(env);
  Env::install(state);
  napi_add_env_cleanup_hook(
      env,
      [](void* data) {
        end_profile();
        Env::install(nullptr);
        delete static_cast<Env*>(data);
      },
      state);
  define_dispatch(*state, exports);
  define_tensor(*state, exports);
  define_autograd(*state, exports);
  define_engine(*state, exports);
  define_graph(*state, exports);
  define_saved(*state, exports);
  define_function(*state, exports);
  define_memory(*state, exports);
  define_context(*state, exports);
  define_files(*state, exports);
  define_cuda(*state, exports);
  define_profiler(*state, exports);
  define_attention(*state, exports);
  define_rows(*state, exports);
  define_functorch(*state, exports);
  return exports;
}
