// Tensors over memory-mapped files: nothing is read until it is used. Formats are parsed in TypeScript.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

// mapFile(path) -> index for mapTensor. Pages are private: writing to a tensor does not change the file.
napi_value map_file(Env& env, const Args& args) {
  std::string path = to_string(env, args[0]);
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw std::runtime_error("cannot open " + path + ": " + std::strerror(errno));
  struct stat status {};
  auto mapping = std::make_shared<Mapping>();
  if (fstat(fd, &status) == 0 && status.st_size > 0) {
    mapping->size = static_cast<size_t>(status.st_size);
    void* data = mmap(nullptr, mapping->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (data != MAP_FAILED) mapping->data = data;
  }
  int error = errno;
  close(fd);
  if (mapping->data == nullptr) throw std::runtime_error("cannot map " + path + ": " + std::strerror(error));
  env.mappings.push_back(std::move(mapping));
  return from_int64(env, static_cast<int64_t>(env.mappings.size()) - 1);
}

// mapTensor(mapping, offset, shape, dtype) -> a tensor that keeps the mapping alive
napi_value map_tensor(Env& env, const Args& args) {
  int64_t index = to_int64(env, args[0]);
  if (index < 0 || index >= static_cast<int64_t>(env.mappings.size()) || env.mappings[index] == nullptr) {
    throw ArgumentError("is not an open mapping");
  }
  auto mapping = std::static_pointer_cast<Mapping>(env.mappings[index]);
  int64_t offset = to_int64(env, args[1]);
  auto sizes = to_sizes(env, args[2]);
  auto dtype = to_dtype(env, args[3]);
  int64_t bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (auto size : sizes) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) throw ArgumentError("has a shape that is too large or negative");
  }
  if (offset < 0 || bytes > static_cast<int64_t>(mapping->size) - offset) throw ArgumentError("reaches beyond the end of the file");
  char* start = static_cast<char*>(mapping->data) + offset;
  if (reinterpret_cast<uintptr_t>(start) % c10::elementSize(dtype) != 0) {  // not aligned: copy
    at::Tensor copy = at::empty(sizes, dtype);
    if (bytes > 0) std::memcpy(copy.mutable_data_ptr(), start, bytes);
    return from_tensor(env, copy);
  }
  return from_tensor(env, at::from_blob(start, sizes, [mapping](void*) {}, dtype));
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
  define<unmap_file>(env, exports, "unmapFile");
}

}  // namespace sconce
