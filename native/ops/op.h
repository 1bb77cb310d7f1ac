// An operator of the dispatcher and what its arguments are, resolved once per operator, not once per call.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <node_api.h>

#include <string>
#include <vector>

#include "binding/error.h"

namespace tc {

enum class Arg : uint8_t {
  Tensor,
  TensorList,
  OptionalTensorList,
  Int,
  IntList,
  Float,
  FloatList,
  Bool,
  BoolList,
  Scalar,
  ScalarList,
  String,
  Dtype,
  Layout,
  MemoryFormat,
  Device,
  Generator,
  Unsupported,
};

struct Param {
  Arg kind;
  bool optional;
  int32_t size;  // of int[N], else 0
  bool has_default;
  c10::IValue fallback;
  std::string name;
};

struct Op {
  explicit Op(c10::OperatorHandle handle);

  c10::OperatorHandle handle;
  std::vector<Param> params;
  std::vector<bool> written;    // a return is one of the arguments, which the caller still has
  std::vector<size_t> outs;     // the arguments that are only written to
  bool random;                  // it may draw random numbers
  std::vector<size_t> changed;  // the arguments that are written, by `out` or in place
  bool reshapes;                // these may get other sizes, strides or memory
  bool writes_by_index;         // a wrong index must be found before
  bool checks_late;             // it may throw when it has written already
  bool multiplies;              // it is mul or mul_ by a number
  bool fills;                   // it puts a number into elements of another dtype
  std::vector<size_t> indices;  // the arguments that would be the indices of a sparse tensor from then on
  bool gives_indices;           // its result would be the indices of a sparse tensor themselves
  napi_callback callback;       // the native function of the operator
};

// Whether such a tensor is multiplied by a number as by a tensor (op.multiplies).
bool scales_sparse(const at::Tensor& t);

// The callback of an operator whose C++ signature is one of a few common ones, or null: such an operator is called
// without boxing its arguments.
napi_callback unboxed(const Op& op);

// The JSON of every aten schema of the dispatcher: what the generator of lib/ops reads.
napi_value op_schemas(napi_env env, Args& args);

}  // namespace tc
