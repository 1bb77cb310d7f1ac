// Operators of a few common C++ signatures, called without boxing: a third of a small op's time went into the boxes.
#include <ATen/ScalarOps.h>
#include <ATen/SparseCsrTensorUtils.h>
#include <c10/core/SymIntArrayRef.h>

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "binding/handle.h"
#include "binding/value.h"
#include "ops/op.h"

namespace tc {
namespace {

// One argument, read as its C++ type. `missing` is an argument that the call leaves out.
template <typename T>
struct Read;

template <>
struct Read<const at::Tensor&> {
  static constexpr Arg kind = Arg::Tensor;
  static constexpr bool optional = false;
  at::Tensor value;
  Read(napi_env env, napi_value v, bool missing, const Param& p) : value(unwrap(env, v)) {}
  const at::Tensor& get() const { return value; }
};

template <>
struct Read<const std::optional<at::Tensor>&> {
  static constexpr Arg kind = Arg::Tensor;
  static constexpr bool optional = true;
  std::optional<at::Tensor> value;
  Read(napi_env env, napi_value v, bool missing, const Param& p) {
    if (!missing && !is_nullish(env, v)) value = unwrap(env, v);
  }
  const std::optional<at::Tensor>& get() const { return value; }
};

template <>
struct Read<const at::Scalar&> {
  static constexpr Arg kind = Arg::Scalar;
  static constexpr bool optional = false;
  at::Scalar value;
  Read(napi_env env, napi_value v, bool missing, const Param& p)
      : value(missing && p.has_default ? p.fallback.toScalar() : to_scalar(env, v, p.name.c_str())) {}
  const at::Scalar& get() const { return value; }
};

template <>
struct Read<std::optional<at::ScalarType>> {
  static constexpr Arg kind = Arg::Dtype;
  static constexpr bool optional = true;
  std::optional<at::ScalarType> value;
  Read(napi_env env, napi_value v, bool missing, const Param& p) {
    if (!missing && !is_nullish(env, v)) value = to_dtype(env, v, p.name.c_str());
  }
  std::optional<at::ScalarType> get() const { return value; }
};

template <>
struct Read<c10::SymIntArrayRef> {
  static constexpr Arg kind = Arg::IntList;
  static constexpr bool optional = false;
  Ints value;
  Read(napi_env env, napi_value v, bool missing, const Param& p) : value(to_ints(env, v, p.name.c_str())) {}
  c10::SymIntArrayRef get() const { return c10::fromIntArrayRefSlow(value); }
};

template <typename... A>
struct Signature {
  using Typed = c10::TypedOperatorHandle<at::Tensor(A...)>;

  static napi_value call(napi_env env, napi_callback_info info) noexcept {
    try {
      ArgsOf<sizeof...(A)> args;
      check(env, napi_get_cb_info(env, info, &args.count, args.v, nullptr, &args.data));
      const Op& op = *static_cast<const Op*>(args.data);
      collect_if_testing(env);
      return read(env, args, op, std::index_sequence_for<A...>());
    } catch (...) {
      to_javascript(env);
      return nullptr;
    }
  }

  static bool fits(const Op& op) {
    if (op.params.size() != sizeof...(A) || op.written.size() != 1 || op.written[0]) return false;
    if (op.handle.schema().returns()[0].real_type()->kind() != c10::TypeKind::TensorType) return false;
    size_t i = 0;
    const bool kinds = ((op.params[i].kind == Read<A>::kind && op.params[i++].optional == Read<A>::optional) && ...);
    if (!kinds) return false;
    try {
      static_cast<void>(op.handle.typed<at::Tensor(A...)>());  // compares with the signature that was registered
      return true;
    } catch (const c10::Error&) {
      return false;
    }
  }

 private:
  template <size_t... I>
  static napi_value read(napi_env env, ArgsOf<sizeof...(A)>& args, const Op& op, std::index_sequence<I...>) {
    const auto missing = [&](size_t i) {
      return i >= args.count || (op.params[i].has_default && type_of(env, args[i]) == napi_undefined);
    };
    std::tuple<Read<A>...> values{Read<A>(env, args[I], missing(I), op.params[I])...};
    if constexpr (std::is_same_v<std::tuple<A...>, std::tuple<const at::Tensor&, const at::Scalar&>>) {
      const at::Tensor& self = std::get<0>(values).get();
      if (op.multiplies && scales_sparse(self)) {
        return wrap(env, self.mul(at::native::wrapped_scalar_tensor(std::get<1>(values).get())));
      }
    }
    at::Tensor result = op.handle.typed<at::Tensor(A...)>().call(std::get<I>(values).get()...);
    return wrap(env, std::move(result));
  }
};

template <typename... S>
napi_callback first_that_fits(const Op& op) {
  napi_callback found = nullptr;
  static_cast<void>(((S::fits(op) && (found = S::call) != nullptr) || ...));
  return found;
}

}  // namespace

bool scales_sparse(const at::Tensor& t) { return at::sparse_csr::is_sparse_compressed(t); }

napi_callback unboxed(const Op& op) {
  using T = const at::Tensor&;
  return first_that_fits<Signature<T>,                                        // relu
                         Signature<T, T>,                                     // mul, matmul
                         Signature<T, T, const at::Scalar&>,                  // add, sub
                         Signature<T, const at::Scalar&>,                     // mul by a number
                         Signature<T, const at::Scalar&, const at::Scalar&>,  // add a number
                         Signature<T, T, const std::optional<at::Tensor>&>,   // linear
                         Signature<T, c10::SymIntArrayRef>,                   // view, reshape
                         Signature<T, std::optional<at::ScalarType>>          // sum, mean
                         >(op);
}

}  // namespace tc
