// libtorch's profiler (Kineto): records operators with their times, shapes, memory and floating-point operations.
#include <ATen/native/ConvUtils.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <unordered_map>

#include "modules.h"

namespace sconce {

namespace {

namespace kineto = torch::autograd::profiler;
using torch::profiler::impl::ActivityType;

struct Prepared {
  kineto::ProfilerConfig config;
  std::set<ActivityType> activities;
};

// libtorch profiles one thread at a time
thread_local std::optional<Prepared> prepared;
// scopes of the user that are open on this thread
thread_local std::vector<std::unique_ptr<at::RecordFunction>> open_scopes;

// exit() destroys what belongs to the thread without a word to Node: made after libtorch's own, this goes before it
struct AtThreadEnd {
  ~AtThreadEnd() { end_profile(); }
};

// prepareProfiler(cuda, recordShapes, profileMemory, withFlops): does what takes long before the first record
napi_value prepare_profiler(Env& env, const Args& args) {
  if (torch::profiler::impl::profilerEnabled()) throw std::runtime_error("a profile is being recorded. Stop it first");
  bool cuda = to_bool(env, args[0]);
  setenv("KINETO_LOG_LEVEL", "99", 0);  // else it writes of its start, and that there is no GPU, on stderr
  prepared.emplace(Prepared{kineto::ProfilerConfig(kineto::ProfilerState::KINETO, to_bool(env, args[1]),
                                                   to_bool(env, args[2]), /*with_stack=*/false, to_bool(env, args[3])),
                            {ActivityType::CPU}});
  if (cuda) prepared->activities.insert(ActivityType::CUDA);
  kineto::prepareProfiler(prepared->config, prepared->activities);
  return undefined(env);
}

napi_value start_profiler(Env& env, const Args&) {
  if (!prepared) throw std::runtime_error("is not prepared");
  kineto::enableProfiler(prepared->config, prepared->activities,
                         {at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION, at::RecordScope::USER_SCOPE});
  static thread_local AtThreadEnd at_thread_end;
  (void)at_thread_end;
  return undefined(env);
}

// stopProfiler() -> what was recorded, for profilerEvents and saveTrace
napi_value stop_profiler(Env& env, const Args&) {
  prepared.reset();
  // a scope that is still open ends with the record: later there is nothing to write its end into
  for (auto scope = open_scopes.rbegin(); scope != open_scopes.rend(); ++scope) (*scope)->end();
  auto result = kineto::disableProfiler();
  napi_value external;
  auto release = [](node_api_basic_env, void* data, void*) { delete static_cast<kineto::ProfilerResult*>(data); };
  check(napi_create_external(env.napi, result.get(), release, nullptr, &external), "hold the profile");
  result.release();
  return external;
}

kineto::ProfilerResult& recorded(Env& env, napi_value value) {
  void* data = nullptr;
  if (napi_get_value_external(env.napi, value, &data) != napi_ok) throw ArgumentError("must be what stopProfiler returned");
  return *static_cast<kineto::ProfilerResult*>(data);
}

// saveTrace(recorded, path): in Chrome's trace format; once
napi_value save_trace(Env& env, const Args& args) {
  recorded(env, args[0]).save(to_string(env, args[1]));
  return undefined(env);
}

// profilerEvents(recorded) -> [[name, start ns, duration ns, thread, is async, device, flops, bytes, is hidden, shapes], ...]
napi_value profiler_events(Env& env, const Args& args) {
  auto& profile = recorded(env, args[0]);
  auto origin = profile.trace_start_ns();
  const auto& events = profile.events();
  napi_value list = new_array(env, events.size());
  uint32_t i = 0;
  for (const auto& event : events) {
    napi_handle_scope scope;
    check(napi_open_handle_scope(env.napi, &scope), "open handle scope");
    napi_value fields = new_array(env, 10);
    set_element(env, fields, 0, from_string(env, event.name()));
    set_element(env, fields, 1, from_int64(env, static_cast<int64_t>(event.startNs() - origin)));
    set_element(env, fields, 2, from_int64(env, static_cast<int64_t>(event.durationNs())));
    set_element(env, fields, 3, from_int64(env, static_cast<int64_t>(event.startThreadId())));
    set_element(env, fields, 4, from_bool(env, event.isAsync() || event.startThreadId() != event.endThreadId()));
    set_element(env, fields, 5, from_string(env, c10::DeviceTypeName(event.deviceType(), /*lower_case=*/true)));
    set_element(env, fields, 6, from_double(env, static_cast<double>(event.flops())));
    set_element(env, fields, 7, from_int64(env, event.nBytes()));
    set_element(env, fields, 8, from_bool(env, event.isHiddenEvent()));
    napi_value shapes = new_array(env, event.shapes().size());
    for (uint32_t k = 0; k < event.shapes().size(); k++) set_element(env, shapes, k, from_sizes(env, event.shapes()[k]));
    set_element(env, fields, 9, shapes);
    set_element(env, list, i++, fields);
    check(napi_close_handle_scope(env.napi, scope), "close handle scope");
  }
  return list;
}

// enterRecord(name): what runs until leaveRecord() stands under this name in a profile
napi_value enter_record(Env& env, const Args& args) {
  auto scope = std::make_unique<at::RecordFunction>(at::RecordScope::USER_SCOPE);
  if (scope->isActive()) scope->before(to_string(env, args[0]));
  open_scopes.push_back(std::move(scope));
  return undefined(env);
}

napi_value leave_record(Env& env, const Args&) {
  if (!open_scopes.empty()) open_scopes.pop_back();
  return undefined(env);
}

// Floating-point operations, by the formulas of torch/utils/flop_counter.py

int64_t product(at::IntArrayRef sizes) { return c10::multiply_integers(sizes); }

int64_t mm_flops(at::IntArrayRef a, at::IntArrayRef b) { return 2 * a[0] * a[1] * b[1]; }
int64_t bmm_flops(at::IntArrayRef a, at::IntArrayRef b) { return 2 * a[0] * a[1] * a[2] * b[2]; }

int64_t conv_flops(at::IntArrayRef x, at::IntArrayRef weight, at::IntArrayRef out, bool transposed) {
  return 2 * x[0] * product(weight) * product((transposed ? x : out).slice(2));
}

// gradients of input and weight are convolutions too, with batch and channels exchanged
int64_t conv_backward_flops(at::IntArrayRef grad, at::IntArrayRef x, at::IntArrayRef weight, bool transposed, bool input,
                            bool weights) {
  auto exchanged = [](at::IntArrayRef sizes) {
    auto result = sizes.vec();
    std::swap(result[0], result[1]);
    return result;
  };
  int64_t flops = 0;
  if (input) flops += conv_flops(grad, weight, x, !transposed);
  if (weights) {
    flops += transposed ? conv_flops(exchanged(grad), exchanged(x), exchanged(weight), false)
                        : conv_flops(exchanged(x), exchanged(grad), exchanged(weight), false);
  }
  return flops;
}

int64_t attention_flops(at::IntArrayRef q, at::IntArrayRef k, at::IntArrayRef v) {
  return 2 * q[0] * q[1] * q[2] * k[2] * (q[3] + v[3]);
}

// scores are computed anew; then the gradients of values, probabilities, queries and keys
int64_t attention_backward_flops(at::IntArrayRef q, at::IntArrayRef k, at::IntArrayRef v) {
  return 2 * q[0] * q[1] * q[2] * k[2] * (3 * q[3] + 2 * v[3]);
}

using Inputs = c10::ArrayRef<c10::IValue>;
using Formula = int64_t (*)(Inputs);

at::IntArrayRef sizes_of(const c10::IValue& value) { return value.toTensor().sizes(); }

const std::unordered_map<std::string, Formula>& formulas() {
  static const std::unordered_map<std::string, Formula> table = {
      {"aten::mm", [](Inputs in) { return mm_flops(sizes_of(in[0]), sizes_of(in[1])); }},
      {"aten::addmm", [](Inputs in) { return mm_flops(sizes_of(in[1]), sizes_of(in[2])); }},
      {"aten::_addmm_activation", [](Inputs in) { return mm_flops(sizes_of(in[1]), sizes_of(in[2])); }},
      {"aten::bmm", [](Inputs in) { return bmm_flops(sizes_of(in[0]), sizes_of(in[1])); }},
      {"aten::baddbmm", [](Inputs in) { return bmm_flops(sizes_of(in[1]), sizes_of(in[2])); }},
      {"aten::convolution",
       [](Inputs in) {
         auto x = sizes_of(in[0]), weight = sizes_of(in[1]);
         if (in[6].toBool()) return conv_flops(x, weight, {}, true);
         auto out = at::native::conv_output_size(x, weight, in[4].toIntVector(), in[3].toIntVector(), in[5].toIntVector());
         return conv_flops(x, weight, out, false);
       }},
      {"aten::convolution_backward",
       [](Inputs in) {
         auto mask = in[10].toBoolList();
         return conv_backward_flops(sizes_of(in[0]), sizes_of(in[1]), sizes_of(in[2]), in[7].toBool(), mask[0], mask[1]);
       }},
      {"aten::_scaled_dot_product_flash_attention_for_cpu",
       [](Inputs in) { return attention_flops(sizes_of(in[0]), sizes_of(in[1]), sizes_of(in[2])); }},
      {"aten::_scaled_dot_product_flash_attention_for_cpu_backward",
       [](Inputs in) { return attention_backward_flops(sizes_of(in[1]), sizes_of(in[2]), sizes_of(in[3])); }},
      {"aten::_scaled_dot_product_flash_attention",
       [](Inputs in) { return attention_flops(sizes_of(in[0]), sizes_of(in[1]), sizes_of(in[2])); }},
      {"aten::_scaled_dot_product_flash_attention_backward",
       [](Inputs in) { return attention_backward_flops(sizes_of(in[1]), sizes_of(in[2]), sizes_of(in[3])); }},
      {"aten::_scaled_dot_product_efficient_attention",
       [](Inputs in) { return attention_flops(sizes_of(in[0]), sizes_of(in[1]), sizes_of(in[2])); }},
      {"aten::_scaled_dot_product_efficient_attention_backward",
       [](Inputs in) { return attention_backward_flops(sizes_of(in[1]), sizes_of(in[2]), sizes_of(in[3])); }},
      {"sconce::short_attention",
       [](Inputs in) { return attention_flops(sizes_of(in[0]), sizes_of(in[1]), sizes_of(in[2])); }},
      // with dropout PyTorch keeps the scores, so that it counts the products of the gradients alone
      {"sconce::short_attention_backward",
       [](Inputs in) {
         auto q = sizes_of(in[0]), k = sizes_of(in[1]), v = sizes_of(in[2]);
         return in[3].toDouble() > 0 ? 2 * attention_flops(q, k, v) : attention_backward_flops(q, k, v);
       }},
  };
  return table;
}

thread_local std::map<std::string, int64_t> flops;
thread_local std::optional<at::CallbackHandle> flop_callback;

// startFlops(): counts from zero what this thread computes
napi_value start_flops(Env& env, const Args&) {
  if (flop_callback) throw std::runtime_error("operations are being counted already. Stop the other counter first");
  flops.clear();
  flop_callback = at::addThreadLocalCallback(
      at::RecordFunctionCallback(
          [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
            auto formula = formulas().find(function.name());
            if (formula != formulas().end()) flops[function.name()] += formula->second(function.inputs());
            return nullptr;
          })
          .needsInputs(true)
          .scopes({at::RecordScope::FUNCTION}));
  return undefined(env);
}

// takeFlops() -> [[operator, count], ...] since the start or the last call
napi_value take_flops(Env& env, const Args&) {
  napi_value list = new_array(env, flops.size());
  uint32_t i = 0;
  for (const auto& [name, count] : flops) {
    napi_value pair = new_array(env, 2);
    set_element(env, pair, 0, from_string(env, name));
    set_element(env, pair, 1, from_double(env, static_cast<double>(count)));
    set_element(env, list, i++, pair);
  }
  flops.clear();
  return list;
}

// stopFlops() -> what takeFlops() would have returned
napi_value stop_flops(Env& env, const Args& args) {
  if (flop_callback) at::removeCallback(*flop_callback);
  flop_callback.reset();
  return take_flops(env, args);
}

}  // namespace

void end_profile() {
  open_scopes.clear();
  if (flop_callback) at::removeCallback(*flop_callback);
  flop_callback.reset();
  if (torch::profiler::impl::profilerEnabled()) kineto::disableProfiler();
}

void define_profiler(Env& env, napi_value exports) {
  define<prepare_profiler>(env, exports, "prepareProfiler");
  define<start_profiler>(env, exports, "startProfiler");
  define<stop_profiler>(env, exports, "stopProfiler");
  define<save_trace>(env, exports, "saveTrace");
  define<profiler_events>(env, exports, "profilerEvents");
  define<enter_record>(env, exports, "enterRecord");
  define<leave_record>(env, exports, "leaveRecord");
  define<start_flops>(env, exports, "startFlops");
  define<take_flops>(env, exports, "takeFlops");
  define<stop_flops>(env, exports, "stopFlops");
}

}  // namespace sconce
