#include <node_api.h>

#include <memory>

#include "binding/env.h"
#include "binding/error.h"
#include "binding/modules.h"

// The symbols that Node looks for; an experimental module version is what makes finalizers run inside the collection.
NAPI_MODULE_INIT(/* env, exports */) {
  try {
    auto state = std::make_unique<tc::Env>(env);
    tc::check(env,
              napi_set_instance_data(
                  env, state.get(), [](napi_env, void* data, void*) { delete static_cast<tc::Env*>(data); }, nullptr));
    static_cast<void>(state.release());
    tc::register_runtime(env, exports);
    tc::register_tensor(env, exports);
    tc::register_transfer(env, exports);
    tc::register_device_copy(env, exports);
    tc::register_file(env, exports);
    tc::register_share(env, exports);
    tc::register_autograd(env, exports);
    tc::register_autograd_engine(env, exports);
    tc::register_hooks(env, exports);
    tc::register_autograd_function(env, exports);
    tc::register_autograd_graph(env, exports);
    tc::register_random(env, exports);
    tc::register_ops(env, exports);
    tc::register_amp(env, exports);
    tc::register_cuda(env, exports);
    tc::register_optim(env, exports);
    return exports;
  } catch (...) {
    tc::to_javascript(env);
    return nullptr;
  }
}
