// Collections at the worst moments, for tests: with TORCH_CLIP_COLLECT_AT_CALLS=1 in the environment, every native call
// begins with one, and so does the making of every handle. Whatever nothing refers to is gone by then.
#pragma once

#include <node_api.h>

namespace tc {

extern const bool collects_at_calls;
void collect_young(napi_env env) noexcept;

inline void collect_if_testing(napi_env env) noexcept {
  if (collects_at_calls) [[unlikely]]
    collect_young(env);
}

}  // namespace tc
