// Tensors to and from JavaScript's typed arrays, and what a tensor says of itself.
#include <torch/csrc/autograd/function.h>

#include <cstring>

#include "modules.h"

namespace sconce {

namespace {

// the typed array that shows the elements of a dtype; floats of 8 and 16 bits show as their bits, complex as pairs
napi_typedarray_type array_type(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
    case at::kComplexFloat: return napi_float32_array;
    case at::kDouble:
    case at::kComplexDouble: return napi_float64_array;
    case at::kLong: return napi_bigint64_array;
    case at::kInt: return napi_int32_array;
    case at::kShort: return napi_int16_array;
    case at::kChar: return napi_int8_array;
    case at::kByte:
    case at::kBool: return napi_uint8_array;
    case at::kHalf:
    case at::kBFloat16:
    case at::kComplexHalf:
    case at::kUInt16: return napi_uint16_array;
    case at::kUInt32: return napi_uint32_array;
    case at::kUInt64: return napi_biguint64_array;
    case at::kFloat8_e5m2:
    case at::kFloat8_e4m3fn:
    case at::kFloat8_e5m2fnuz:
    case at::kFloat8_e4m3fnuz:
    case at::kFloat8_e8m0fnu: return napi_uint8_array;
    default: throw std::runtime_error(std::string("no typed array holds ") + at::toString(dtype));
  }
}

napi_value to_typed_array(Env& env, const at::Tensor& tensor, napi_value buffer) {
  size_t per_element = tensor.is_complex() ? 2 : 1;
  napi_value array;
  check(napi_create_typedarray(env.napi, array_type(tensor.scalar_type()), tensor.numel() * per_element, buffer, 0, &array),
        "create typed array");
  return array;
}

// The memory of a typed array, checked against the shape and dtype of the tensor that it is to fill.
struct TypedArray {
  std::vector<int64_t> sizes;
  at::ScalarType dtype;
  void* data;
  napi_value buffer;
  size_t length;
};

// args = (typedArray, shape, dtype)
TypedArray to_typed_data(Env& env, const Args& args) {
  TypedArray array;
  // before the memory is looked up: reading an array can run a getter, which can detach the memory
  array.sizes = to_sizes(env, args[1]);
  array.dtype = to_dtype(env, args[2]);
  napi_typedarray_type type;
  size_t offset;
  if (napi_get_typedarray_info(env.napi, args[0], &type, &array.length, &array.data, &array.buffer, &offset) != napi_ok) {
    throw ArgumentError("must be a typed array, got " + describe(env, args[0]));
  }
  if (array_type(array.dtype) != type && !(type == napi_uint8_clamped_array && array.dtype == at::kByte)) {
    throw ArgumentError("must be the typed array of " + std::string(at::toString(array.dtype)) + ", got one of another type");
  }
  int64_t numel = c10::isComplexType(array.dtype) ? 2 : 1;
  for (auto size : array.sizes) {
    if (size < 0 || __builtin_mul_overflow(numel, size, &numel)) throw ArgumentError("has a shape that is too large or negative");
  }
  if (numel != static_cast<int64_t>(array.length)) {
    throw ArgumentError("has " + std::to_string(array.length) + " elements, but the shape needs " + std::to_string(numel));
  }
  return array;
}

// Memory is made and read outside of the transforms of torch.func, as torch.tensor and tolist do: they wrap every result.
struct OutsideTransforms {
  c10::impl::ExcludeDispatchKeyGuard front{c10::DispatchKey::FuncTorchDynamicLayerFrontMode};
  c10::impl::ExcludeDispatchKeyGuard back{c10::DispatchKey::FuncTorchDynamicLayerBackMode};
};

// fromData(typedArray, shape, dtype) -> a tensor with a copy of the data
napi_value from_data(Env& env, const Args& args) {
  TypedArray array = to_typed_data(env, args);
  OutsideTransforms outside;
  at::Tensor tensor = at::empty(array.sizes, array.dtype);
  if (array.length > 0) std::memcpy(tensor.mutable_data_ptr(), array.data, tensor.nbytes());
  return from_tensor(env, tensor);
}

// shareData(typedArray, shape, dtype) -> a tensor over the array's own memory, which lives as long as either does
napi_value share_data(Env& env, const Args& args) {
  TypedArray array = to_typed_data(env, args);
  if (array.length == 0) return from_data(env, args);
  if (reinterpret_cast<uintptr_t>(array.data) % c10::elementSize(array.dtype) != 0) {
    throw ArgumentError("must begin at a multiple of its element's size");
  }
  env.released->drain(env.napi);
  napi_ref reference;
  check(napi_create_reference(env.napi, array.buffer, 1, &reference), "hold array buffer");
  OutsideTransforms outside;
  auto release = [reference, released = env.released](void*) { released->add(reference); };
  return from_tensor(env, at::from_blob(array.data, array.sizes, release, at::TensorOptions(array.dtype)));
}

// autograd's zeros for what has no gradient own no memory
at::Tensor with_memory(const at::Tensor& tensor) { return tensor._is_zerotensor() ? tensor.clone() : tensor; }

// toData(handle) -> a typed array with a copy of the data
napi_value to_data(Env& env, const Args& args) {
  at::Tensor held = beneath_levels(to_tensor(env, args[0]));
  OutsideTransforms outside;
  at::Tensor tensor = with_memory(held.detach()).cpu().resolve_conj().resolve_neg().contiguous();
  array_type(tensor.scalar_type());  // refuse before allocating
  void* data;
  napi_value buffer;
  check(napi_create_arraybuffer(env.napi, tensor.nbytes(), &data, &buffer), "create array buffer");
  if (tensor.nbytes() > 0) std::memcpy(data, tensor.const_data_ptr(), tensor.nbytes());
  return to_typed_array(env, tensor, buffer);
}

// viewData(handle) -> a typed array over the tensor's own memory, which lives as long as either does
napi_value view_data(Env& env, const Args& args) {
  const at::Tensor& tensor = to_tensor(env, args[0]);
  if (!tensor.device().is_cpu() || !tensor.is_contiguous() || tensor.is_conj() || tensor.is_neg() || tensor._is_zerotensor()) {
    throw ArgumentError("must be a contiguous CPU tensor to be viewed. Call x.contiguous() or x.cpu() first");
  }
  array_type(tensor.scalar_type());
  if (tensor.numel() == 0) return to_data(env, args);
  auto* holder = new at::Tensor(tensor.detach());
  // as Tensor.numpy() does: resize_ would free the memory that JavaScript sees
  holder->storage().unsafeGetStorageImpl()->set_resizable(false);
  napi_value buffer;
  auto status = napi_create_external_arraybuffer(
      env.napi, holder->mutable_data_ptr(), holder->nbytes(),
      [](node_api_basic_env, void*, void* hint) { delete static_cast<at::Tensor*>(hint); }, holder, &buffer);
  if (status != napi_ok) {  // runtimes with a memory sandbox forbid external buffers
    delete holder;
    return to_data(env, args);
  }
  return to_typed_array(env, tensor, buffer);
}

// writeData(handle, typedArray): overwrites the elements of a contiguous CPU tensor
napi_value write_data(Env& env, const Args& args) {
  const at::Tensor& tensor = to_tensor(env, args[0]);
  napi_typedarray_type type;
  size_t length, offset;
  void* data;
  napi_value buffer;
  if (napi_get_typedarray_info(env.napi, args[1], &type, &length, &data, &buffer, &offset) != napi_ok ||
      type != array_type(tensor.scalar_type()) || static_cast<int64_t>(length) != tensor.numel() * (tensor.is_complex() ? 2 : 1)) {
    throw ArgumentError("must be a typed array of the tensor's dtype and number of elements");
  }
  if (!tensor.device().is_cpu() || !tensor.is_contiguous() || tensor._is_zerotensor()) {
    throw ArgumentError("must be a contiguous CPU tensor");
  }
  if (env.before_write) env.before_write(tensor);
  if (length > 0) std::memcpy(tensor.mutable_data_ptr(), data, tensor.nbytes());
  return undefined(env);
}

// item(handle) -> number, boolean, {re, im}, or bigint when an integer is beyond 2^53
napi_value item(Env& env, const Args& args) {
  const at::Tensor& tensor = to_tensor(env, args[0]);
  if (tensor.numel() != 1) {
    throw std::runtime_error("the tensor must have one element, got shape " + c10::str(tensor.sizes()));
  }
  return from_scalar(env, tensor.item());
}

napi_value shape(Env& env, const Args& args) { return from_sizes(env, to_tensor(env, args[0]).sizes()); }
napi_value strides(Env& env, const Args& args) { return from_sizes(env, to_tensor(env, args[0]).strides()); }
napi_value dtype(Env& env, const Args& args) { return from_int64(env, static_cast<int64_t>(to_tensor(env, args[0]).scalar_type())); }
napi_value device(Env& env, const Args& args) { return from_string(env, to_tensor(env, args[0]).device().str()); }
napi_value numel(Env& env, const Args& args) { return from_int64(env, to_tensor(env, args[0]).numel()); }
napi_value nbytes(Env& env, const Args& args) { return from_int64(env, to_tensor(env, args[0]).nbytes()); }
napi_value itemsize(Env& env, const Args& args) { return from_int64(env, to_tensor(env, args[0]).itemsize()); }
napi_value layout(Env& env, const Args& args) { return from_int64(env, static_cast<int64_t>(to_tensor(env, args[0]).layout())); }

// gradFnName(handle) -> "AddBackward0", or "" for a leaf
napi_value grad_fn_name(Env& env, const Args& args) {
  auto node = to_tensor(env, args[0]).grad_fn();
  std::string name = node ? node->name() : "";
  auto space = name.rfind("::");
  return from_string(env, space == std::string::npos ? name : name.substr(space + 2));
}

// setDefaultDtype(dtype): what factories and divisions of integers give
napi_value set_default_dtype(Env& env, const Args& args) {
  c10::set_default_dtype(caffe2::TypeMeta::fromScalarType(to_dtype(env, args[0])));
  return undefined(env);
}

napi_value is_contiguous(Env& env, const Args& args) { return from_bool(env, to_tensor(env, args[0]).is_contiguous()); }

// setData(handle, other): replaces what the tensor holds, as changing a parameter's dtype or device does
napi_value set_data(Env& env, const Args& args) {
  to_tensor(env, args[0]).set_data(to_tensor(env, args[1]));
  return undefined(env);
}

// sameStorage(a, b): whether two tensors start at the same memory, as tied weights do
napi_value same_storage(Env& env, const Args& args) {
  const at::Tensor& a = to_tensor(env, args[0]);
  const at::Tensor& b = to_tensor(env, args[1]);
  return from_bool(env, a.is_alias_of(b));
}

}  // namespace

void define_tensor(Env& env, napi_value exports) {
  define<from_data>(env, exports, "fromData");
  define<share_data>(env, exports, "shareData");
  define<to_data>(env, exports, "toData");
  define<view_data>(env, exports, "viewData");
  define<write_data>(env, exports, "writeData");
  define<set_data>(env, exports, "setData");
  define<item>(env, exports, "item");
  define<shape>(env, exports, "shape");
  define<strides>(env, exports, "strides");
  define<dtype>(env, exports, "dtype");
  define<device>(env, exports, "device");
  define<numel>(env, exports, "numel");
  define<nbytes>(env, exports, "nbytes");
  define<itemsize>(env, exports, "itemsize");
  define<layout>(env, exports, "layout");
  define<grad_fn_name>(env, exports, "gradFnName");
  define<set_default_dtype>(env, exports, "setDefaultDtype");
  define<is_contiguous>(env, exports, "isContiguous");
  define<same_storage>(env, exports, "sameStorage");
}

}  // namespace sconce
