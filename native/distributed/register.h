// The functions of this folder; a build for a libtorch without c10d has none of them.
#pragma once

#include <node_api.h>

namespace tc::distributed {

void register_store(napi_env env, napi_value exports);
void register_group(napi_env env, napi_value exports);
void register_collectives(napi_env env, napi_value exports);
void register_reducer(napi_env env, napi_value exports);
void register_peers(napi_env env, napi_value exports);
void register_sharded_parameters(napi_env env, napi_value exports);

}  // namespace tc::distributed
