// Errors: C++ code throws tc::Error (or lets libtorch throw); `guarded` turns whatever arrives at the boundary into
// one pending TorchClipError. Nothing but this file decides how a C++ exception looks in JavaScript.
#pragma once

#include <node_api.h>

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "../error.h"
#include "binding/collect.h"

namespace tc {

// A JavaScript exception on its way through C++ (a hook threw): it is thrown again as it was at the boundary.
class JsException : public std::exception {
 public:
  explicit JsException(napi_env env);
  void rethrow(napi_env env) const noexcept;
  const char* what() const noexcept override { return "a JavaScript exception"; }

 private:
  struct Ref;
  std::shared_ptr<Ref> ref_;
};

// Throws when a Node-API call failed.
void check(napi_env env, napi_status status);

// Makes the exception in flight the pending JavaScript exception; call inside a catch block only.
void to_javascript(napi_env env) noexcept;

// What a native function receives. Missing arguments are `undefined`.
template <size_t N>
struct ArgsOf {
  napi_value v[N];
  size_t count = N;  // as many as the caller passed
  void* data = nullptr;
  napi_value operator[](size_t i) const { return v[i]; }
};
inline constexpr size_t kMaxArgs = 8;
using Args = ArgsOf<kMaxArgs>;
using Function = napi_value (*)(napi_env, Args&);

template <Function F>
napi_value guarded(napi_env env, napi_callback_info info) noexcept {
  try {
    Args args;
    check(env, napi_get_cb_info(env, info, &args.count, args.v, nullptr, &args.data));
    collect_if_testing(env);
    return F(env, args);
  } catch (...) {
    to_javascript(env);
    return nullptr;
  }
}

// Defines exports[name] as a native function.
void define(napi_env env, napi_value exports, const char* name, napi_callback callback);

}  // namespace tc
