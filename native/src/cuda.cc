// The devices of CUDA and what their allocator holds. A build without CUDA exports only `hasCuda`.
#include "modules.h"

#ifdef SCONCE_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>

// declared here, as its header wants cuBLAS's, cuSPARSE's and cuSOLVER's
namespace at::cuda {
TORCH_CUDA_CPP_API cudaDeviceProp* getDeviceProperties(c10::DeviceIndex device);
}
#endif

namespace sconce {

namespace {

napi_value has_cuda(Env& env, const Args&) { return from_bool(env, at::hasCUDA()); }

#ifdef SCONCE_CUDA
namespace allocator = c10::cuda::CUDACachingAllocator;

c10::DeviceIndex to_index(Env& env, napi_value value) { return static_cast<c10::DeviceIndex>(to_int32(env, value)); }

napi_value device_count(Env& env, const Args&) { return from_int64(env, c10::cuda::device_count()); }

napi_value current_device(Env& env, const Args&) { return from_int64(env, c10::cuda::current_device()); }

napi_value set_device(Env& env, const Args& args) {
  c10::cuda::set_device(to_index(env, args[0]));
  return undefined(env);
}

// cudaSynchronize(device): waits for all that was started on it
napi_value synchronize(Env& env, const Args& args) {
  auto before = c10::cuda::ExchangeDevice(to_index(env, args[0]));
  c10::cuda::device_synchronize();
  c10::cuda::ExchangeDevice(before);
  return undefined(env);
}

napi_value empty_cache(Env& env, const Args&) {
  allocator::emptyCache();
  return undefined(env);
}

napi_value reset_peak(Env& env, const Args& args) {
  allocator::resetPeakStats(to_index(env, args[0]));
  return undefined(env);
}

// cudaProperties(device) -> [name, bytes of memory, major, minor, multiprocessors]
napi_value properties(Env& env, const Args& args) {
  const auto* device = at::cuda::getDeviceProperties(to_index(env, args[0]));
  napi_value list = new_array(env, 5);
  set_element(env, list, 0, from_string(env, device->name));
  set_element(env, list, 1, from_int64(env, static_cast<int64_t>(device->totalGlobalMem)));
  set_element(env, list, 2, from_int64(env, device->major));
  set_element(env, list, 3, from_int64(env, device->minor));
  set_element(env, list, 4, from_int64(env, device->multiProcessorCount));
  return list;
}

// cudaMemoryStats(device) -> numbers by PyTorch's keys, "allocated_bytes.all.peak"
napi_value device_memory_stats(Env& env, const Args& args) {
  auto stats = allocator::getDeviceStats(to_index(env, args[0]));
  napi_value object;
  check(napi_create_object(env.napi, &object), "create object");
  const std::pair<const char*, const c10::CachingDeviceAllocator::StatArray*> arrays[] = {
      {"allocation", &stats.allocation},           {"segment", &stats.segment},
      {"active", &stats.active},                   {"inactive_split", &stats.inactive_split},
      {"allocated_bytes", &stats.allocated_bytes}, {"reserved_bytes", &stats.reserved_bytes},
      {"active_bytes", &stats.active_bytes},       {"inactive_split_bytes", &stats.inactive_split_bytes},
      {"requested_bytes", &stats.requested_bytes},
  };
  const char* pools[] = {"all", "small_pool", "large_pool"};  // the order of c10::CachingAllocator::StatType
  for (const auto& [name, array] : arrays) {
    for (size_t pool = 0; pool < 3; pool++) {
      const auto& stat = array->at(pool);
      std::string key = std::string(name) + "." + pools[pool] + ".";
      set_property(env, object, (key + "current").c_str(), from_int64(env, stat.current));
      set_property(env, object, (key + "peak").c_str(), from_int64(env, stat.peak));
      set_property(env, object, (key + "allocated").c_str(), from_int64(env, stat.allocated));
      set_property(env, object, (key + "freed").c_str(), from_int64(env, stat.freed));
    }
  }
  set_property(env, object, "num_alloc_retries", from_int64(env, stats.num_alloc_retries));
  set_property(env, object, "num_ooms", from_int64(env, stats.num_ooms));
  return object;
}
#endif

}  // namespace

void define_cuda(Env& env, napi_value exports) {
  define<has_cuda>(env, exports, "hasCuda");
#ifdef SCONCE_CUDA
  define<device_count>(env, exports, "cudaDeviceCount");
  define<current_device>(env, exports, "cudaCurrentDevice");
  define<set_device>(env, exports, "cudaSetDevice");
  define<synchronize>(env, exports, "cudaSynchronize");
  define<empty_cache>(env, exports, "cudaEmptyCache");
  define<reset_peak>(env, exports, "cudaResetPeak");
  define<properties>(env, exports, "cudaProperties");
  define<device_memory_stats>(env, exports, "cudaMemoryStats");
#endif
}

}  // namespace sconce
