// The registration function of native/jit; native/addon.cc calls it.
#pragma once

#include <node_api.h>

namespace tc {

void register_jit(napi_env env, napi_value exports);

}  // namespace tc
