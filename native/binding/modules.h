// One registration function a module; native/addon.cc calls them all.
#pragma once

#include <node_api.h>

namespace tc {

void register_runtime(napi_env env, napi_value exports);
void register_tensor(napi_env env, napi_value exports);
void register_transfer(napi_env env, napi_value exports);
void register_borrow(napi_env env, napi_value exports);
void register_device_copy(napi_env env, napi_value exports);
void register_file(napi_env env, napi_value exports);
void register_mail(napi_env env, napi_value exports);
void register_autograd(napi_env env, napi_value exports);
void register_hooks(napi_env env, napi_value exports);
void register_autograd_engine(napi_env env, napi_value exports);
void register_autograd_function(napi_env env, napi_value exports);
void register_autograd_graph(napi_env env, napi_value exports);
void register_func(napi_env env, napi_value exports);
void register_random(napi_env env, napi_value exports);
void register_ops(napi_env env, napi_value exports);
void register_amp(napi_env env, napi_value exports);
void register_backends(napi_env env, napi_value exports);
void register_profiler(napi_env env, napi_value exports);
void register_cuda(napi_env env, napi_value exports);
void register_optim(napi_env env, napi_value exports);

}  // namespace tc
