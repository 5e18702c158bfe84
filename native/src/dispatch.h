// Operators found by name and called through the dispatcher with their own schema.
#pragma once
#include <ATen/core/dispatch/Dispatcher.h>

#include <string>
#include <vector>

#include "env.h"

namespace sconce {

// kind of an argument, read once from the schema
enum class Kind : uint8_t {
  kTensor, kInt, kFloat, kBool, kScalar, kString, kTensorList, kOptionalTensorList, kIntList, kFloatList, kBoolList,
  kScalarList, kGenerator, kDtype, kLayout, kDevice, kMemoryFormat, kUnsupported,
};

struct Argument {
  std::string name;
  Kind kind;
  bool optional;
  bool has_default;
  c10::IValue default_value;
  int64_t fan_out;  // N of `int[N]`: a single number is repeated N times; 0 if not of fixed length
};

struct Op {
  explicit Op(c10::OperatorHandle handle);
  c10::OperatorHandle handle;
  std::string name;  // "aten::add.Tensor"
  std::vector<Argument> arguments;
  // for each result, the argument that it is when changed in place (`Tensor(a!)`), or -1
  std::vector<int> changed;
  bool reinterprets;            // gives another dtype to the memory of its argument
  std::vector<size_t> written;  // the arguments whose tensors the operator may write to
};

// adds the operator and the dtypes and shapes of its tensor arguments to a message of libtorch
std::string with_context(Env& env, const Args& args, const std::string& message);

}  // namespace sconce
