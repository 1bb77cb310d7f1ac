// Collections that the addon asks for, and those at the worst moments, for tests: with TORCH_CLIP_COLLECT_AT_CALLS=1 in
// the environment, every native call begins with one, and so does the making of every handle. Whatever nothing refers
// to is gone by then.
#pragma once

#include <node_api.h>

#include <atomic>

namespace tc {

// Captures of a GPU's work that are under way, on whatever thread. None is asked for meanwhile: what finalizers call,
// such as events behind pinned memory, would end a capture.
inline std::atomic<int> captures = 0;

extern const bool collects_at_calls;
void collect_young(napi_env env) noexcept;

inline void collect_if_testing(napi_env env) noexcept {
  if (collects_at_calls) [[unlikely]]
    collect_young(env);
}

}  // namespace tc
