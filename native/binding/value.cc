#include "binding/value.h"

#include <c10/util/Exception.h>

#include <cmath>
#include <limits>

namespace tc {
namespace {
constexpr uint32_t kMaxList = uint32_t{1} << 24;
constexpr int64_t kMaxSafe = (int64_t{1} << 53) - 1;

[[noreturn]] void expected(const char* what, const char* kind) {
  throw Error("ERR_ARGUMENT", std::string("\"") + what + "\" must be " + kind);
}
}  // namespace

napi_value undefined(napi_env env) {
  napi_value v;
  check(env, napi_get_undefined(env, &v));
  return v;
}
napi_value null(napi_env env) {
  napi_value v;
  check(env, napi_get_null(env, &v));
  return v;
}
napi_value js(napi_env env, bool value) {
  napi_value v;
  check(env, napi_get_boolean(env, value, &v));
  return v;
}
napi_value js(napi_env env, double value) {
  napi_value v;
  check(env, napi_create_double(env, value, &v));
  return v;
}
napi_value js(napi_env env, int64_t value) {
  napi_value v;
  const bool safe = value >= -kMaxSafe && value <= kMaxSafe;
  check(env, safe ? napi_create_int64(env, value, &v) : napi_create_bigint_int64(env, value, &v));
  return v;
}
napi_value js(napi_env env, std::string_view value) {
  napi_value v;
  check(env, napi_create_string_utf8(env, value.data(), value.size(), &v));
  return v;
}
napi_value js(napi_env env, c10::IntArrayRef values) {
  return make_array(env, values.size(), [&](size_t i) {
    napi_value size;
    check(env, napi_create_int64(env, values[i], &size));
    return size;
  });
}
napi_value js(napi_env env, const c10::Scalar& value) {
  if (value.isBoolean()) return js(env, value.toBool());
  if (value.isComplex()) {
    const auto c = value.toComplexDouble();
    const napi_value v = make_object(env);
    set(env, v, "re", js(env, c.real()));
    set(env, v, "im", js(env, c.imag()));
    return v;
  }
  if (value.isFloatingPoint()) return js(env, value.toDouble());
  if (value.type() == c10::ScalarType::UInt64) {
    const uint64_t u = value.toUInt64();
    if (u > static_cast<uint64_t>(kMaxSafe)) {
      napi_value v;
      check(env, napi_create_bigint_uint64(env, u, &v));
      return v;
    }
  }
  return js(env, value.toLong());
}

napi_value make_object(napi_env env) {
  napi_value value;
  check(env, napi_create_object(env, &value));
  return value;
}
napi_value make_array(napi_env env, size_t length) {
  napi_value value;
  check(env, napi_create_array_with_length(env, length, &value));
  return value;
}
void set(napi_env env, napi_value object, const char* name, napi_value value) {
  check(env, napi_set_named_property(env, object, name, value));
}
void set(napi_env env, napi_value array, size_t index, napi_value value) {
  check(env, napi_set_element(env, array, static_cast<uint32_t>(index), value));
}

napi_valuetype type_of(napi_env env, napi_value value) {
  napi_valuetype t;
  check(env, napi_typeof(env, value, &t));
  return t;
}

bool to_bool(napi_env env, napi_value value, const char* what) {
  bool b;
  if (napi_get_value_bool(env, value, &b) != napi_ok) expected(what, "a boolean");
  return b;
}

double to_double(napi_env env, napi_value value, const char* what) {
  double d;
  if (napi_get_value_double(env, value, &d) == napi_ok) return d;
  if (type_of(env, value) == napi_bigint) return static_cast<double>(to_int64(env, value, what));
  expected(what, "a number");
}

int64_t to_int64(napi_env env, napi_value value, const char* what) {
  double d;
  if (napi_get_value_double(env, value, &d) == napi_ok) [[likely]] {
    if (d >= -9007199254740992.0 && d <= 9007199254740992.0 && d == std::trunc(d)) return static_cast<int64_t>(d);
    expected(what, "an integer (a bigint beyond 2^53)");
  }
  int64_t i;
  bool lossless;
  if (napi_get_value_bigint_int64(env, value, &i, &lossless) == napi_ok) {
    if (!lossless) expected(what, "an integer of 64 bits");
    return i;
  }
  expected(what, "an integer");
}

uint64_t to_seed(napi_env env, napi_value value) {
  uint64_t seed;
  bool lossless;
  if (napi_get_value_bigint_uint64(env, value, &seed, &lossless) == napi_ok && lossless) return seed;
  return static_cast<uint64_t>(to_int64(env, value, "seed"));
}

std::string to_string(napi_env env, napi_value value, const char* what) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) expected(what, "a string");
  std::string s(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, s.data(), length + 1, &length));
  return s;
}

c10::Scalar to_scalar(napi_env env, napi_value value, const char* what) {
  double d;
  if (napi_get_value_double(env, value, &d) == napi_ok) [[likely]] {
    const bool integral = std::abs(d) <= 9007199254740992.0 && d == std::trunc(d) && !(d == 0 && std::signbit(d));
    return integral ? c10::Scalar(static_cast<int64_t>(d)) : c10::Scalar(d);
  }
  switch (type_of(env, value)) {
    case napi_boolean:
      return c10::Scalar(to_bool(env, value, what));
    case napi_bigint: {
      int64_t i;
      uint64_t u;
      bool lossless;
      check(env, napi_get_value_bigint_int64(env, value, &i, &lossless));
      if (lossless) return c10::Scalar(i);
      check(env, napi_get_value_bigint_uint64(env, value, &u, &lossless));
      if (lossless) return c10::Scalar(u);
      expected(what, "an integer of 64 bits");
    }
    case napi_object: {
      napi_value re, im;
      check(env, napi_get_named_property(env, value, "re", &re));
      check(env, napi_get_named_property(env, value, "im", &im));
      return c10::Scalar(c10::complex<double>(to_double(env, re, what), to_double(env, im, what)));
    }
    default:
      expected(what, "a number, a bigint, a boolean or { re, im }");
  }
}

uint32_t array_length(napi_env env, napi_value value, const char* what) {
  uint32_t n;
  if (napi_get_array_length(env, value, &n) != napi_ok) expected(what, "an array");
  if (n > kMaxList) expected(what, "a shorter array");  // one of holes costs JavaScript nothing, and us gigabytes
  return n;
}

napi_value element(napi_env env, napi_value array, uint32_t i) {
  napi_value v;
  check(env, napi_get_element(env, array, i, &v));
  return v;
}
napi_value property(napi_env env, napi_value object, const char* name) {
  if (type_of(env, object) != napi_object) {
    throw Error("ERR_ARGUMENT", std::string("an object with \"") + name + "\" was expected");
  }
  napi_value value;
  check(env, napi_get_named_property(env, object, name, &value));
  return value;
}

Ints to_ints(napi_env env, napi_value value, const char* what) {
  const uint32_t n = array_length(env, value, what);
  Ints ints(n);
  for (uint32_t i = 0; i < n; ++i) ints[i] = to_int64(env, element(env, value, i), what);
  return ints;
}

c10::ScalarType to_dtype(napi_env env, napi_value value, const char* what) {
  const int64_t code = to_int64(env, value, what);
  if (code < 0 || code >= static_cast<int64_t>(c10::ScalarType::Undefined)) expected(what, "a dtype");
  return static_cast<c10::ScalarType>(code);
}

c10::Layout to_layout(napi_env env, napi_value value, const char* what) {
  const int64_t code = to_int64(env, value, what);
  if (code < 0 || code >= static_cast<int64_t>(c10::Layout::NumOptions)) expected(what, "a layout");
  return static_cast<c10::Layout>(code);
}

c10::MemoryFormat to_memory_format(napi_env env, napi_value value, const char* what) {
  const int64_t code = to_int64(env, value, what);
  if (code < 0 || code >= static_cast<int64_t>(c10::MemoryFormat::NumOptions)) expected(what, "a memory format");
  return static_cast<c10::MemoryFormat>(code);
}

c10::Device to_device(napi_env env, napi_value value, const char* what) {
  const std::string name = to_string(env, value, what);
  if (name == "cpu") return c10::Device(c10::kCPU);
  try {
    return c10::Device(name);
  } catch (const c10::Error&) {
    expected(what, "a device such as 'cpu' or 'cuda:0'");
  }
}

TypedArray to_typed_array(napi_env env, napi_value value, const char* what) {
  bool is = false;
  check(env, napi_is_typedarray(env, value, &is));
  if (!is) expected(what, "a typed array");
  TypedArray a;
  napi_value buffer;
  size_t offset;
  check(env, napi_get_typedarray_info(env, value, &a.type, &a.length, &a.data, &buffer, &offset));
  return a;
}

}  // namespace tc
