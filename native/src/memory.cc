// Who frees a tensor: an explicit dispose, the scope in which it was made, or the garbage collector.
#include <cstdlib>  // defines __GLIBC__
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "modules.h"

namespace sconce {

// of allocator.cc
bool limit_arena(size_t bytes);
size_t arena_in_use();

namespace {

struct Finalized {
  Env* env;
  uint32_t index;
  uint64_t serial;  // the whole serial: a handle's few bits could name a later tensor
};

// runs inside the garbage collector: must not throw and may not call JavaScript
void finalize(node_api_basic_env, void* data, void*) {
  auto* finalized = static_cast<Finalized*>(data);
  if (finalized->env == Env::current_or_null()) finalized->env->drop(finalized->index, finalized->serial);
  delete finalized;
}

// track(object, handle): the tensor is freed when the object is collected, and no scope frees it
napi_value track(Env& env, const Args& args) {
  int32_t handle = to_int32(env, args[1]);
  env.get(handle);
  uint32_t index = env.index_of(handle);
  Slot& slot = env.slot(index);
  if (slot.tracked) return undefined(env);
  auto finalized = std::make_unique<Finalized>(Finalized{&env, index, slot.serial});
  check(napi_wrap(env.napi, args[0], finalized.get(), finalize, nullptr, nullptr), "track tensor");
  finalized.release();
  slot.tracked = true;
  // a view shares memory that is counted already
  if (!slot.tensor.is_view() && slot.tensor.has_storage() && slot.tensor.device().is_cpu()) {
    slot.external = static_cast<int64_t>(slot.tensor.storage().nbytes());
    int64_t total;
    napi_adjust_external_memory(env.napi, slot.external, &total);
  }
  return undefined(env);
}

napi_value dispose(Env& env, const Args& args) {
  env.drop(to_int32(env, args[0]));
  return undefined(env);
}

napi_value is_disposed(Env& env, const Args& args) { return from_bool(env, env.find(to_int32(env, args[0])) == nullptr); }

// enterScope() -> mark for leaveScope
napi_value enter_scope(Env& env, const Args&) {
  env.scope_depth++;
  return from_int64(env, static_cast<int64_t>(env.created.size()));
}

// leaveScope(mark, keptHandles): frees what was made since the mark; what is kept passes to the enclosing scope
napi_value leave_scope(Env& env, const Args& args) {
  size_t mark = static_cast<size_t>(to_int64(env, args[0]));
  std::vector<uint32_t> kept;
  for (uint32_t i = 0, n = array_length(env, args[1]); i < n; i++) {
    int32_t handle = to_int32(env, element(env, args[1], i));
    if (env.find(handle) != nullptr) kept.push_back(env.index_of(handle));
  }
  std::sort(kept.begin(), kept.end());
  env.scope_depth--;
  size_t end = mark;
  for (size_t i = mark; i < env.created.size(); i++) {
    Created made = env.created[i];
    const Slot& slot = env.slot(made.index);
    if (slot.serial != made.serial || slot.tracked) continue;
    if (std::binary_search(kept.begin(), kept.end(), made.index)) {
      if (env.scope_depth > 0) env.created[end++] = made;
    } else {
      env.drop(made.index, made.serial);
    }
  }
  env.created.resize(end);
  return undefined(env);
}

// memoryStats() -> [live tensors, open scopes, tensors that open scopes will free, bytes of the arena in use]
napi_value memory_stats(Env& env, const Args&) {
  napi_value stats = new_array(env, 4);
  set_element(env, stats, 0, from_int64(env, env.live));
  set_element(env, stats, 1, from_int64(env, env.scope_depth));
  set_element(env, stats, 2, from_int64(env, static_cast<int64_t>(env.created.size())));
  set_element(env, stats, 3, from_int64(env, static_cast<int64_t>(arena_in_use())));
  return stats;
}

// heldBytes() -> [[device, bytes], ...] of all live tensors; memory that several share counts once
napi_value held_bytes(Env& env, const Args&) {
  std::unordered_set<const c10::StorageImpl*> seen;
  std::unordered_map<std::string, int64_t> bytes;
  env.for_each_live([&](const at::Tensor& tensor) {
    if (!tensor.defined() || !tensor.has_storage()) return;
    const auto* storage = tensor.storage().unsafeGetStorageImpl();
    if (seen.insert(storage).second) bytes[tensor.device().str()] += static_cast<int64_t>(storage->nbytes());
  });
  napi_value list = new_array(env, bytes.size());
  uint32_t i = 0;
  for (const auto& [device, count] : bytes) {
    napi_value pair = new_array(env, 2);
    set_element(env, pair, 0, from_string(env, device));
    set_element(env, pair, 1, from_int64(env, count));
    set_element(env, list, i++, pair);
  }
  return list;
}

// fromShared(bytes, shape, dtype) -> a tensor over the memory of a typed array, which lives as long as the tensor
napi_value from_shared(Env& env, const Args& args) {
  napi_typedarray_type type;
  size_t length, offset;
  void* data;
  napi_value buffer;
  if (napi_get_typedarray_info(env.napi, args[0], &type, &length, &data, &buffer, &offset) != napi_ok ||
      type != napi_uint8_array) {
    throw ArgumentError("must be a Uint8Array over shared memory, got " + describe(env, args[0]));
  }
  auto sizes = to_sizes(env, args[1]);
  auto dtype = to_dtype(env, args[2]);
  auto needed = static_cast<size_t>(c10::multiply_integers(sizes)) * c10::elementSize(dtype);
  if (needed != length) {
    throw ArgumentError("has " + std::to_string(length) + " bytes, but shape and dtype need " + std::to_string(needed));
  }
  if (length == 0) return from_tensor(env, at::empty(sizes, dtype));
  napi_ref reference;
  check(napi_create_reference(env.napi, args[0], 1, &reference), "reference to shared memory");
  Env* owner = &env;
  auto release = [owner, reference](void*) {
    // elsewhere, or after its end, the environment drops its references itself
    if (Env::current_or_null() == owner) napi_delete_reference(owner->napi, reference);
  };
  return from_tensor(env, at::from_blob(data, sizes, release, at::TensorOptions(dtype)));
}

// trimMemory(): gives free memory back to the system
napi_value trim_memory(Env& env, const Args&) {
  trim_arena();
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  return undefined(env);
}

// setMemoryLimit(bytes), 0 for none -> whether it is kept: not where another allocator is in use
napi_value set_memory_limit(Env& env, const Args& args) {
  return from_bool(env, limit_arena(static_cast<size_t>(to_int64(env, args[0]))));
}

}  // namespace

void define_memory(Env& env, napi_value exports) {
  define<track>(env, exports, "track");
  define<dispose>(env, exports, "dispose");
  define<is_disposed>(env, exports, "isDisposed");
  define<enter_scope>(env, exports, "enterScope");
  define<leave_scope>(env, exports, "leaveScope");
  define<memory_stats>(env, exports, "memoryStats");
  define<held_bytes>(env, exports, "heldBytes");
  define<from_shared>(env, exports, "fromShared");
  define<trim_memory>(env, exports, "trimMemory");
  define<set_memory_limit>(env, exports, "setMemoryLimit");
}

}  // namespace sconce
