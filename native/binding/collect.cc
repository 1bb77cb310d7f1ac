#include "binding/collect.h"

#include <cstdlib>
#include <string_view>

#include "binding/env.h"

namespace tc {

const bool collects_at_calls = [] {
  const char* value = std::getenv("TORCH_CLIP_COLLECT_AT_CALLS");
  return value != nullptr && std::string_view(value) == "1";
}();

void collect_young(napi_env env) noexcept {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return;
  const Env& state = Env::of(env);
  state.call(state.collector, "minor");
}

}  // namespace tc
