// JavaScript objects that own a C++ value, tagged so that no other object passes for one. The value is destroyed inside
// the garbage collection and must touch no JavaScript then; `collected(env)`, where it has that, is called just before.
#pragma once

#include <node_api.h>

#include <memory>
#include <string>

#include "binding/env.h"
#include "binding/value.h"

namespace tc {

// T has a `static constexpr napi_type_tag kTag` and a `static constexpr const char* kNoun`.
template <class T>
napi_value to_object(napi_env env, std::unique_ptr<T> value) {
  const napi_value out = make_object(env);
  check(env, napi_wrap(
                 Env::of(env).keeper, out, value.get(),
                 [](node_api_basic_env basic, void* p, void*) {
                   const std::unique_ptr<T> owned(static_cast<T*>(p));
                   if constexpr (requires { owned->collected(basic); }) owned->collected(basic);
                 },
                 nullptr, nullptr));
  static_cast<void>(value.release());
  check(env, napi_type_tag_object(env, out, &T::kTag));
  return out;
}

template <class T>
T& from_object(napi_env env, napi_value value) {
  bool tagged = false;
  void* data = nullptr;
  if (type_of(env, value) != napi_object || napi_check_object_type_tag(env, value, &T::kTag, &tagged) != napi_ok ||
      !tagged || napi_unwrap(env, value, &data) != napi_ok) {
    throw Error("ERR_ARGUMENT", std::string("expected ") + T::kNoun);
  }
  return *static_cast<T*>(data);
}

}  // namespace tc
