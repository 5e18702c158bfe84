// Calls any operator of libtorch with arguments converted by the operator's own schema.
#include "dispatch.h"

#include <ATen/EmptyTensor.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "modules.h"

namespace sconce {

namespace {

Kind kind_of(const c10::Type& type) {
  using K = c10::TypeKind;
  switch (type.kind()) {
    case K::TensorType: return Kind::kTensor;
    case K::IntType:
    case K::SymIntType: return Kind::kInt;
    case K::FloatType: return Kind::kFloat;
    case K::BoolType: return Kind::kBool;
    case K::NumberType: return Kind::kScalar;
    case K::StringType: return Kind::kString;
    case K::GeneratorType: return Kind::kGenerator;
    case K::ScalarTypeType: return Kind::kDtype;
    case K::LayoutType: return Kind::kLayout;
    case K::DeviceObjType: return Kind::kDevice;
    case K::MemoryFormatType: return Kind::kMemoryFormat;
    case K::ListType:
      switch (type.castRaw<c10::ListType>()->getElementType()->kind()) {
        case K::TensorType: return Kind::kTensorList;
        case K::OptionalType: return Kind::kOptionalTensorList;
        case K::IntType:
        case K::SymIntType: return Kind::kIntList;
        case K::FloatType: return Kind::kFloatList;
        case K::BoolType: return Kind::kBoolList;
        case K::NumberType: return Kind::kScalarList;
        default: return Kind::kUnsupported;
      }
    default: return Kind::kUnsupported;
  }
}

template <typename T, typename Convert>
c10::IValue to_list(Env& env, napi_value value, int64_t fan_out, Convert convert) {
  c10::List<T> list;
  bool is_array = false;
  napi_is_array(env.napi, value, &is_array);
  if (!is_array && fan_out > 0) {
    T single = convert(env, value);
    for (int64_t i = 0; i < fan_out; i++) list.push_back(single);
    return list;
  }
  uint32_t length = array_length(env, value);
  for (uint32_t i = 0; i < length; i++) list.push_back(convert(env, element(env, value, i)));
  return list;
}

c10::IValue convert(Env& env, napi_value value, const Argument& argument) {
  if (argument.kind == Kind::kTensor) {
    int32_t handle;
    if (napi_get_value_int32(env.napi, value, &handle) == napi_ok && handle != 0) return env.get(handle);
    // undefined and null are "no tensor", which the operator itself may refuse
    if (!is_nullish(env, value) && !(napi_get_value_int32(env.napi, value, &handle) == napi_ok)) to_tensor(env, value);
    return argument.optional ? c10::IValue() : c10::IValue(at::Tensor());
  }
  if (argument.optional && is_nullish(env, value)) return c10::IValue();
  switch (argument.kind) {
    case Kind::kInt: return to_int64(env, value);
    case Kind::kFloat: return to_double(env, value);
    case Kind::kBool: return to_bool(env, value);
    case Kind::kScalar: return c10::IValue(to_scalar(env, value));
    case Kind::kString: return to_string(env, value);
    case Kind::kTensorList: return to_list<at::Tensor>(env, value, 0, [](Env& e, napi_value v) { return to_tensor(e, v); });
    case Kind::kOptionalTensorList:
      return to_list<std::optional<at::Tensor>>(env, value, 0, [](Env& e, napi_value v) {
        at::Tensor tensor = to_optional_tensor(e, v);
        return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
      });
    case Kind::kIntList: return to_list<int64_t>(env, value, argument.fan_out, to_int64);
    case Kind::kFloatList: return to_list<double>(env, value, argument.fan_out, to_double);
    case Kind::kBoolList: return to_list<bool>(env, value, argument.fan_out, to_bool);
    case Kind::kScalarList: {
      c10::List<at::Scalar> list;
      for (uint32_t i = 0, n = array_length(env, value); i < n; i++) {
        list.push_back(to_scalar(env, element(env, value, i)));
      }
      return list;
    }
    case Kind::kGenerator: {
      int64_t index = to_int64(env, value);
      if (index < 0 || index >= static_cast<int64_t>(env.generators.size())) throw ArgumentError("must be a Generator");
      return env.generators[index];
    }
    case Kind::kDtype: return static_cast<int64_t>(to_dtype(env, value));
    case Kind::kLayout:
    case Kind::kMemoryFormat: return to_int64(env, value);
    case Kind::kDevice: return c10::Device(to_string(env, value));
    default: throw ArgumentError("has a type that JavaScript cannot express");
  }
}

template <typename List, typename Convert>
napi_value from_list(Env& env, const List& list, Convert convert) {
  napi_value array = new_array(env, list.size());
  for (size_t i = 0; i < list.size(); i++) set_element(env, array, i, convert(env, list[i]));
  return array;
}

napi_value to_js(Env& env, const c10::IValue& value) {
  if (value.isTensor()) return from_tensor(env, value.toTensor());
  if (value.isNone()) return from_double(env, 0);
  if (value.isString()) return from_string(env, value.toStringRef());
  if (value.isSymInt()) return from_exact_int64(env, value.toSymInt().expect_int());
  if (value.isScalar()) return from_scalar(env, value.toScalar());
  if (value.isTensorList()) return from_list(env, value.toTensorVector(), from_tensor);
  if (value.isIntList()) return from_list(env, value.toIntVector(), from_exact_int64);
  if (value.isDoubleList()) return from_list(env, value.toDoubleVector(), from_double);
  throw std::runtime_error("returns a " + value.tagKind() + ", which JavaScript cannot hold");
}

std::unique_ptr<Op> find_op(const std::string& name, const std::string& overload) {
  auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  return handle ? std::make_unique<Op>(*handle) : nullptr;
}

Op& op_at(Env& env, int32_t index) {
  if (index < 0 || static_cast<size_t>(index) >= env.ops.size()) throw ArgumentError("is not the index of an operator");
  auto& op = env.ops[index];
  if (op == nullptr) {
    const std::string& name = env.op_names[index];
    auto dot = name.find('.');
    op = find_op("aten::" + name.substr(0, dot), dot == std::string::npos ? "" : name.substr(dot + 1));
    if (op == nullptr) throw std::runtime_error("the linked libtorch has no operator aten::" + name);
  }
  return *op;
}

// names = "add.Tensor\nrelu\n...": indices for call(), looked up on first use
napi_value define_ops(Env& env, const Args& args) {
  std::istringstream names(to_string(env, args[0]));
  for (std::string name; std::getline(names, name);) env.op_names.push_back(name);
  env.ops.resize(env.op_names.size());
  return undefined(env);
}

// (namespace::name, overload) -> index for call(), or -1
napi_value find(Env& env, const Args& args) {
  auto op = find_op(to_string(env, args[0]), to_string(env, args[1]));
  if (op == nullptr) return from_int64(env, -1);
  env.op_names.push_back(op->name);
  env.ops.push_back(std::move(op));
  return from_int64(env, static_cast<int64_t>(env.ops.size()) - 1);
}

// every operator of the linked libtorch as its schema's text
napi_value list_schemas(Env& env, const Args&) {
  auto names = c10::Dispatcher::singleton().getAllOpNames();
  napi_value array = new_array(env, 0);
  uint32_t count = 0;
  for (const auto& name : names) {
    auto handle = c10::Dispatcher::singleton().findSchema(name);
    if (!handle) continue;
    std::ostringstream text;
    text << handle->schema();
    set_element(env, array, count++, from_string(env, text.str()));
  }
  return array;
}

napi_value schema(Env& env, const Args& args) {
  std::ostringstream text;
  text << op_at(env, to_int32(env, args[0])).handle.schema();
  return from_string(env, text.str());
}

// resize_ sets the shape before it finds that the memory cannot grow: such a tensor would be read beyond its end
void repair(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.layout() != at::kStrided || !tensor.has_storage()) return;
  size_t itemsize = tensor.itemsize(), there = tensor.storage().nbytes();
  if (at::detail::computeStorageNbytes(tensor.sizes(), tensor.strides(), itemsize, tensor.storage_offset()) <= there) return;
  tensor.unsafeGetTensorImpl()->set_storage_offset(0);
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous({static_cast<int64_t>(there / itemsize)});
}

// a result that is an argument changed in place gives 0: JavaScript has its handle already
napi_value result_to_js(Env& env, const Op& op, const torch::jit::Stack& stack, size_t i) {
  if (op.changed[i] >= 0 && stack[i].isTensor() && stack[i].toTensor().defined()) return from_int64(env, 0);
  return to_js(env, stack[i]);
}

// complex numbers of 16 bytes are read with instructions that fault elsewhere, and the memory of files and of typed
// arrays begins at any multiple of 8
void check_alignment(const torch::jit::Stack& stack) {
  if (!stack[0].isTensor()) return;
  const at::Tensor& view = stack[0].toTensor();
  if (view.scalar_type() != at::kComplexDouble || !view.device().is_cpu() || view.numel() == 0) return;
  if (reinterpret_cast<uintptr_t>(view.const_data_ptr()) % alignof(c10::complex<double>) != 0) {
    throw std::runtime_error("complex128 needs memory at a multiple of 16 bytes. Call x.clone() first");
  }
}

void keep_old_values(Env& env, const Op& op, const torch::jit::Stack& stack) {
  for (size_t i : op.written) {
    if (stack[i].isTensorList()) {
      for (const at::Tensor& tensor : stack[i].toTensorVector()) env.before_write(tensor);
    } else if (stack[i].isTensor()) {
      env.before_write(stack[i].toTensor());
    }
  }
}

// call(index, ...args): undefined stands for the schema's default
napi_value call(Env& env, const Args& args) {
  const Op& op = op_at(env, to_int32(env, args[0]));
  env.current_op = &op;
  size_t expected = op.arguments.size();
  if (args.size() > expected + 1) {
    throw std::runtime_error("takes " + std::to_string(expected) + " arguments, got " + std::to_string(args.size() - 1));
  }
  torch::jit::Stack stack;
  stack.reserve(expected);
  for (size_t i = 0; i < expected; i++) {
    const Argument& argument = op.arguments[i];
    env.current_argument = argument.name.c_str();
    bool given = i + 1 < args.size();
    if (given && argument.has_default) given = type_of(env, args[i + 1]) != napi_undefined;
    if (given) {
      stack.push_back(convert(env, args[i + 1], argument));
    } else if (argument.has_default) {
      stack.push_back(argument.default_value);
    } else {
      throw ArgumentError("is missing");
    }
  }
  env.current_argument = nullptr;
  if (env.before_write) keep_old_values(env, op, stack);
  try {
    op.handle.callBoxed(stack);
  } catch (...) {
    for (size_t i : op.written) {
      int32_t handle;
      if (i + 1 >= args.size() || napi_get_value_int32(env.napi, args[i + 1], &handle) != napi_ok) continue;
      if (Slot* slot = env.find(handle)) repair(slot->tensor);
    }
    throw;
  }
  if (op.reinterprets) check_alignment(stack);
  if (stack.size() == 1) return result_to_js(env, op, stack, 0);
  if (stack.empty()) return undefined(env);
  napi_value results = new_array(env, stack.size());
  for (size_t i = 0; i < stack.size(); i++) set_element(env, results, i, result_to_js(env, op, stack, i));
  return results;
}

std::string describe_tensor(const at::Tensor& tensor) {
  std::ostringstream text;
  text << at::toString(tensor.scalar_type()) << tensor.sizes();
  return text.str();
}

// shapes of the tensors that one argument holds, or nothing; never throws, as an error is being told
std::string describe_argument(Env& env, Kind kind, napi_value value) {
  int32_t handle;
  if (kind == Kind::kTensor && napi_get_value_int32(env.napi, value, &handle) == napi_ok) {
    Slot* slot = env.find(handle);
    return slot == nullptr ? "" : describe_tensor(slot->tensor);
  }
  uint32_t length = 0;
  if (kind != Kind::kTensorList || napi_get_array_length(env.napi, value, &length) != napi_ok) return "";
  constexpr uint32_t kShown = 8;
  std::string text;
  for (uint32_t i = 0; i < std::min(length, kShown); i++) {
    napi_value item;
    if (napi_get_element(env.napi, value, i, &item) != napi_ok) return "";
    text += (i == 0 ? "" : ", ") + describe_argument(env, Kind::kTensor, item);
  }
  return "[" + text + (length > kShown ? ", ...]" : "]");
}

}  // namespace

Op::Op(c10::OperatorHandle handle)
    : handle(handle),
      name(toString(handle.operator_name())),
      reinterprets(name == "aten::view_as_complex" || name == "aten::view.dtype") {
  for (const auto& from : handle.schema().arguments()) {
    auto type = from.real_type();  // type() would show dtypes, layouts and memory formats as int
    bool optional = type->kind() == c10::TypeKind::OptionalType;
    if (optional) type = type->castRaw<c10::OptionalType>()->getElementType();
    bool has_default = from.default_value().has_value() || optional;
    arguments.push_back({from.name(), kind_of(*type), optional, has_default,
                         from.default_value().value_or(c10::IValue()), from.N() ? *from.N() : 0});
  }
  const auto& schema = handle.schema();
  for (size_t i = 0; i < arguments.size(); i++) {
    const auto* alias = schema.arguments()[i].alias_info();
    bool holds_tensors = arguments[i].kind == Kind::kTensor || arguments[i].kind == Kind::kTensorList;
    if (holds_tensors && alias && alias->isWrite()) written.push_back(i);
  }
  for (const auto& result : schema.returns()) {
    int argument = -1;
    for (size_t i = 0; i < schema.arguments().size() && argument < 0; i++) {
      const auto *from = schema.arguments()[i].alias_info(), *to = result.alias_info();
      if (from && to && from->isWrite() && to->isWrite() && *from == *to) argument = static_cast<int>(i);
    }
    changed.push_back(argument);
  }
}

std::string with_context(Env& env, const Args& args, const std::string& message) {
  if (env.current_op == nullptr) return std::string(args.function) + ": " + message;
  std::string tensors;
  const auto& arguments = env.current_op->arguments;
  for (size_t i = 0; i < arguments.size() && i + 1 < args.size(); i++) {
    std::string text = describe_argument(env, arguments[i].kind, args[i + 1]);
    if (!text.empty()) tensors += (tensors.empty() ? "" : ", ") + arguments[i].name + ": " + text;
  }
  return env.current_op->name + ": " + message + (tensors.empty() ? "" : " (" + tensors + ")");
}

void define_dispatch(Env& env, napi_value exports) {
  define<define_ops>(env, exports, "defineOps");
  define<find>(env, exports, "findOp");
  define<call>(env, exports, "call");
  define<schema>(env, exports, "schema");
  define<list_schemas>(env, exports, "listSchemas");
}

}  // namespace sconce
