// Tensors over memory-mapped files: nothing is read until it is used. Formats are parsed in TypeScript.
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "modules.h"

namespace sconce {

namespace {

struct Mapping {
  void* data = nullptr;
  size_t size = 0;
  ~Mapping() {
    if (data != nullptr) munmap(data, size);
  }
};

// mapFile(fd) -> index for mapTensor. Pages are private: writing to a tensor does not change the file.
napi_value map_file(Env& env, const Args& args) {
  int fd = to_int32(env, args[0]);
  struct stat status {};
  auto mapping = std::make_shared<Mapping>();
  if (fstat(fd, &status) == 0 && status.st_size > 0) {
    mapping->size = static_cast<size_t>(status.st_size);
    void* data = mmap(nullptr, mapping->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (data != MAP_FAILED) mapping->data = data;
  }
  if (mapping->data == nullptr) throw std::runtime_error(std::string("cannot map the file: ") + std::strerror(errno));
  env.mappings.push_back(std::move(mapping));
  return from_int64(env, static_cast<int64_t>(env.mappings.size()) - 1);
}

// copies what is not aligned: libtorch's kernels expect elements at multiples of their size
at::Tensor over_mapping(Env& env, const Args& args, at::IntArrayRef sizes, at::ScalarType dtype, size_t alignment) {
  int64_t index = to_int64(env, args[0]);
  if (index < 0 || index >= static_cast<int64_t>(env.mappings.size()) || env.mappings[index] == nullptr) {
    throw ArgumentError("is not an open mapping");
  }
  auto mapping = std::static_pointer_cast<Mapping>(env.mappings[index]);
  int64_t offset = to_int64(env, args[1]);
  int64_t bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (auto size : sizes) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) throw ArgumentError("has a shape that is too large or negative");
  }
  if (offset < 0 || bytes > static_cast<int64_t>(mapping->size) - offset) throw ArgumentError("reaches beyond the end of the file");
  char* start = static_cast<char*>(mapping->data) + offset;
  if (reinterpret_cast<uintptr_t>(start) % alignment != 0) {
    at::Tensor copy = at::empty(sizes, dtype);
    if (bytes > 0) std::memcpy(copy.mutable_data_ptr(), start, bytes);
    return copy;
  }
  return at::from_blob(start, sizes, [mapping](void*) {}, dtype);
}

// mapTensor(mapping, offset, shape, dtype) -> a tensor that keeps the mapping alive
napi_value map_tensor(Env& env, const Args& args) {
  auto sizes = to_sizes(env, args[2]);
  auto dtype = to_dtype(env, args[3]);
  return from_tensor(env, over_mapping(env, args, sizes, dtype, c10::elementSize(dtype)));
}

// mapBytes(mapping, offset, length, alignment) -> a uint8 tensor for tensorOver, which keeps the mapping alive
napi_value map_bytes(Env& env, const Args& args) {
  int64_t alignment = to_int64(env, args[3]);
  if (alignment <= 0) throw ArgumentError("needs an alignment of at least 1");
  return from_tensor(env, over_mapping(env, args, {to_int64(env, args[2])}, at::kByte, static_cast<size_t>(alignment)));
}

// tensorOver(other, offset, shape, strides, dtype) -> a tensor over the storage of another, from element `offset` on
napi_value tensor_over(Env& env, const Args& args) {
  const at::Tensor& other = to_tensor(env, args[0]);
  int64_t offset = to_int64(env, args[1]);
  auto sizes = to_sizes(env, args[2]);
  auto strides = to_sizes(env, args[3]);
  auto dtype = to_dtype(env, args[4]);
  if (sizes.size() != strides.size()) throw ArgumentError("needs as many strides as dimensions");
  int64_t last = offset;
  bool empty = false;
  for (size_t i = 0; i < sizes.size(); i++) {
    int64_t span;
    if (sizes[i] < 0 || strides[i] < 0) throw ArgumentError("needs sizes and strides of at least 0");
    if (sizes[i] == 0) empty = true;
    else if (__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) || __builtin_add_overflow(last, span, &last)) {
      throw ArgumentError("has a shape that is too large");
    }
  }
  int64_t available = static_cast<int64_t>(other.storage().nbytes() / c10::elementSize(dtype));
  if (offset < 0 || (empty ? offset > available : last >= available)) throw ArgumentError("reaches beyond its storage");
  at::Tensor made = at::empty({0}, other.options().dtype(dtype));
  made.set_(other.storage(), offset, sizes, strides);
  return from_tensor(env, made);
}

// storageOf(handle) -> [a number that tensors of one storage share, its bytes, the element where this tensor starts]
napi_value storage_of(Env& env, const Args& args) {
  const at::Tensor& tensor = to_tensor(env, args[0]);
  const auto* storage = tensor.storage().unsafeGetStorageImpl();
  napi_value result = new_array(env, 3);
  set_element(env, result, 0, from_double(env, static_cast<double>(reinterpret_cast<uintptr_t>(storage))));
  set_element(env, result, 1, from_double(env, static_cast<double>(storage->nbytes())));
  set_element(env, result, 2, from_int64(env, tensor.storage_offset()));
  return result;
}

// unmapFile(mapping): the memory goes when the last tensor over it does
napi_value unmap_file(Env& env, const Args& args) {
  int64_t index = to_int64(env, args[0]);
  if (index >= 0 && index < static_cast<int64_t>(env.mappings.size())) env.mappings[index] = nullptr;
  while (!env.mappings.empty() && env.mappings.back() == nullptr) env.mappings.pop_back();
  return undefined(env);
}

}  // namespace

void define_files(Env& env, napi_value exports) {
  define<map_file>(env, exports, "mapFile");
  define<map_tensor>(env, exports, "mapTensor");
  define<map_bytes>(env, exports, "mapBytes");
  define<tensor_over>(env, exports, "tensorOver");
  define<storage_of>(env, exports, "storageOf");
  define<unmap_file>(env, exports, "unmapFile");
}

}  // namespace sconce
