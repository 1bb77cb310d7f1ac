// Data between JavaScript's memory and tensors: typed arrays in and out, and item().
#include "binding/transfer.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/resolve_conj.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include <cstring>

#include "binding/env.h"
#include "binding/func/wrapped.h"
#include "binding/modules.h"

namespace tc {
namespace {

using c10::ScalarType;

ScalarType dtype_of(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
      return ScalarType::Char;
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return ScalarType::Byte;
    case napi_int16_array:
      return ScalarType::Short;
    case napi_uint16_array:
      return ScalarType::UInt16;
    case napi_int32_array:
      return ScalarType::Int;
    case napi_uint32_array:
      return ScalarType::UInt32;
    case napi_float32_array:
      return ScalarType::Float;
    case napi_float64_array:
      return ScalarType::Double;
    case napi_bigint64_array:
      return ScalarType::Long;
    case napi_biguint64_array:
      return ScalarType::UInt64;
    default:
      throw Error("ERR_DTYPE", "the typed array has an element type that no tensor has");
  }
}

// fromTyped(data, shape, dtype, complex?): a new CPU tensor with a copy of the data, converted to dtype; with complex,
// pairs of elements are the real and imaginary parts.
napi_value from_typed(napi_env env, Args& args) {
  const TypedArray data = to_typed_array(env, args[0], "data");
  Ints sizes = to_ints(env, args[1], "shape");
  const ScalarType dtype = to_dtype(env, args[2], "dtype");
  const bool complex = !is_nullish(env, args[3]) && to_bool(env, args[3], "complex");
  if (complex) sizes.push_back(2);
  uint64_t numel = 1;
  for (int64_t s : sizes) {
    if (s < 0 || __builtin_mul_overflow(numel, static_cast<uint64_t>(s), &numel)) {
      throw Error("ERR_SHAPE", "\"shape\" must hold sizes >= 0 whose product fits 64 bits");
    }
  }
  if (numel != data.length) {
    throw Error("ERR_SHAPE", "\"shape\" must have as many elements as the data, " + std::to_string(data.length) +
                                 ", got " + std::to_string(numel));
  }
  const ScalarType source = dtype_of(data.type);
  at::Tensor result = at::empty(sizes, at::TensorOptions(complex ? source : dtype));
  if (numel > 0) {
    // In memory of the same type the copy is a plain one; else it converts.
    result.copy_(at::from_blob(data.data, sizes, at::TensorOptions(source)));
  }
  if (complex) result = at::view_as_complex(result).to(dtype);
  return wrap(env, std::move(result));
}

}  // namespace

Exported exported(ScalarType dtype) {
  switch (dtype) {
    case ScalarType::Char:
      return {napi_int8_array, dtype};
    case ScalarType::Byte:
    case ScalarType::Bool:
      return {napi_uint8_array, ScalarType::Byte};
    case ScalarType::Short:
      return {napi_int16_array, dtype};
    case ScalarType::UInt16:
      return {napi_uint16_array, dtype};
    case ScalarType::Int:
      return {napi_int32_array, dtype};
    case ScalarType::UInt32:
      return {napi_uint32_array, dtype};
    case ScalarType::Long:
      return {napi_bigint64_array, dtype};
    case ScalarType::UInt64:
      return {napi_biguint64_array, dtype};
    case ScalarType::Double:
    case ScalarType::ComplexDouble:
      return {napi_float64_array, ScalarType::Double};
    default:
      if (!c10::isFloatingType(dtype) && !c10::isComplexType(dtype)) {
        throw Error("ERR_DTYPE", std::string("a tensor of dtype ") + c10::toString(dtype) + " has no typed array");
      }
      return {napi_float32_array, ScalarType::Float};
  }
}

at::Tensor dense_of(const at::Tensor& t, ScalarType memory) {
  // Some derivatives are zero tensors without memory; a copy has it.
  at::Tensor dense = t._is_zerotensor() ? t.detach().clone() : t.detach();
  if (dense.layout() != c10::kStrided) dense = dense.to_dense();
  if (dense.is_complex()) {
    const auto pair = memory == ScalarType::Double ? ScalarType::ComplexDouble : ScalarType::ComplexFloat;
    dense = at::view_as_real(dense.resolve_conj().to(pair));
  }
  return dense.to(memory).resolve_neg().contiguous();
}

napi_value typed_array(napi_env env, napi_typedarray_type type, const at::Tensor& host) {
  void* memory;
  napi_value buffer, array;
  const size_t bytes = host.nbytes();
  if (bytes > size_t{1} << 32 && bytes / host.element_size() > (size_t{1} << 32) - 1) {
    throw Error("ERR_SHAPE", "the tensor has more elements than a typed array can hold");
  }
  check(env, napi_create_arraybuffer(env, bytes, &memory, &buffer));
  if (bytes > 0) std::memcpy(memory, host.const_data_ptr(), bytes);
  check(env, napi_create_typedarray(env, type, static_cast<size_t>(host.numel()), buffer, 0, &array));
  return array;
}

namespace {

at::Tensor to_host(const at::Tensor& t, ScalarType memory) { return dense_of(t, memory).to(c10::kCPU); }

napi_value to_typed(napi_env env, Args& args) {
  const at::Tensor tensor = unwrap(env, args[0]);
  refuse_batched(tensor, "the values of a tensor");
  const at::Tensor& t = innermost(tensor);
  const OutsideTransforms outside;
  const Exported e = exported(t.scalar_type());
  return typed_array(env, e.type, to_host(t, e.memory));
}

napi_value item(napi_env env, Args& args) {
  const at::Tensor tensor = unwrap(env, args[0]);
  refuse_batched(tensor, "item()");
  const at::Tensor& t = innermost(tensor);
  const OutsideTransforms outside;
  if (t.numel() != 1) {
    throw Error("ERR_SHAPE", "item() needs a tensor of one element, got " + std::to_string(t.numel()));
  }
  return js(env, t.item());
}

}  // namespace

void register_transfer(napi_env env, napi_value exports) {
  define(env, exports, "fromTyped", guarded<from_typed>);
  define(env, exports, "toTyped", guarded<to_typed>);
  define(env, exports, "item", guarded<item>);
}

}  // namespace tc
