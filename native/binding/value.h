// JavaScript values to C++ and back. Readers check what C++ needs to stay memory-safe; the sentence a user reads for a
// wrong argument is TypeScript's.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/Scalar.h>
#include <c10/core/ScalarType.h>
#include <c10/util/ArrayRef.h>
#include <c10/util/SmallVector.h>
#include <node_api.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "binding/error.h"

namespace tc {

using Ints = c10::SmallVector<int64_t, 8>;

napi_value undefined(napi_env env);
napi_value null(napi_env env);
napi_value js(napi_env env, bool value);
napi_value js(napi_env env, double value);
napi_value js(napi_env env, int64_t value);  // a number, or a bigint outside the safe integers
napi_value js(napi_env env, std::string_view value);
napi_value js(napi_env env, c10::IntArrayRef values);   // always numbers, such as sizes
napi_value js(napi_env env, const c10::Scalar& value);  // number, bigint, boolean or { re, im }

// Objects and arrays, built one by one.
napi_value make_object(napi_env env);
napi_value make_array(napi_env env, size_t length);
void set(napi_env env, napi_value object, const char* name, napi_value value);
void set(napi_env env, napi_value array, size_t index, napi_value value);
// The array of what `element` returns for each index.
template <class Element>
napi_value make_array(napi_env env, size_t length, const Element& element) {
  const napi_value out = make_array(env, length);
  for (size_t i = 0; i < length; ++i) set(env, out, i, element(i));
  return out;
}

napi_valuetype type_of(napi_env env, napi_value value);
inline bool is_nullish(napi_env env, napi_value value) {
  const napi_valuetype t = type_of(env, value);
  return t == napi_undefined || t == napi_null;
}

// `what` names the argument in the message.
bool to_bool(napi_env env, napi_value value, const char* what);
double to_double(napi_env env, napi_value value, const char* what);
int64_t to_int64(napi_env env, napi_value value, const char* what);  // a number without fraction, or a bigint
uint64_t to_seed(napi_env env, napi_value value);  // an integer of 64 bits; negative ones wrap as in PyTorch
std::string to_string(napi_env env, napi_value value, const char* what);
c10::Scalar to_scalar(napi_env env, napi_value value, const char* what);
uint32_t array_length(napi_env env, napi_value value, const char* what);  // throws for what is no array
napi_value element(napi_env env, napi_value array, uint32_t i);
napi_value property(napi_env env, napi_value object, const char* name);  // throws for what is no object
Ints to_ints(napi_env env, napi_value value, const char* what);
c10::ScalarType to_dtype(napi_env env, napi_value value, const char* what);
c10::Layout to_layout(napi_env env, napi_value value, const char* what);
c10::MemoryFormat to_memory_format(napi_env env, napi_value value, const char* what);
c10::Device to_device(napi_env env, napi_value value, const char* what);

// The elements of a typed array (or DataView's bytes), alive as long as the JavaScript value is.
struct TypedArray {
  napi_typedarray_type type;
  void* data;
  size_t length;  // elements
};
TypedArray to_typed_array(napi_env env, napi_value value, const char* what);

}  // namespace tc
