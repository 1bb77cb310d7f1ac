#include <node_api.h>

#include <memory>
#include <utility>

#include "binding/env.h"
#include "binding/error.h"
#include "binding/modules.h"
#include "binding/value.h"
#include "jit/register.h"
#ifdef TORCH_CLIP_DISTRIBUTED
#include "distributed/register.h"
#endif

namespace {

// Whose finalizers the next environment of this thread is to have.
thread_local tc::Env* expecting = nullptr;

napi_value expect_keeper(napi_env env, tc::Args&) {
  tc::Env& state = tc::Env::of(env);
  expecting = state.keeper == env ? &state : nullptr;
  return tc::undefined(env);
}

}  // namespace

// The symbols that Node looks for; an experimental module version is what makes finalizers run inside the collection.
NAPI_MODULE_INIT(/* env, exports */) {
  try {
    if (tc::Env* state = std::exchange(expecting, nullptr)) {
      // Environments are torn down in reverse order: this one first.
      tc::check(env, napi_set_instance_data(
                         env, state,
                         [](napi_env, void* data, void*) {
                           auto* keeper_of = static_cast<tc::Env*>(data);
                           keeper_of->keeper = keeper_of->env;
                         },
                         nullptr));
      state->keeper = env;
      return exports;
    }
    auto state = std::make_unique<tc::Env>(env);
    tc::check(env,
              napi_set_instance_data(
                  env, state.get(), [](napi_env, void* data, void*) { delete static_cast<tc::Env*>(data); }, nullptr));
    static_cast<void>(state.release());
    tc::define(env, exports, "expectKeeper", tc::guarded<expect_keeper>);
    tc::register_runtime(env, exports);
    tc::register_tensor(env, exports);
    tc::register_transfer(env, exports);
    tc::register_borrow(env, exports);
    tc::register_device_copy(env, exports);
    tc::register_file(env, exports);
    tc::register_mail(env, exports);
    tc::register_autograd(env, exports);
    tc::register_autograd_engine(env, exports);
    tc::register_hooks(env, exports);
    tc::register_autograd_function(env, exports);
    tc::register_autograd_graph(env, exports);
    tc::register_func(env, exports);
    tc::register_random(env, exports);
    tc::register_ops(env, exports);
    tc::register_jit(env, exports);
    tc::register_amp(env, exports);
    tc::register_backends(env, exports);
    tc::register_profiler(env, exports);
    tc::register_cuda(env, exports);
    tc::register_optim(env, exports);
#ifdef TORCH_CLIP_DISTRIBUTED
    tc::distributed::register_store(env, exports);
    tc::distributed::register_group(env, exports);
    tc::distributed::register_collectives(env, exports);
    tc::distributed::register_reducer(env, exports);
    tc::distributed::register_peers(env, exports);
    tc::distributed::register_sharded_parameters(env, exports);
#endif
    return exports;
  } catch (...) {
    tc::to_javascript(env);
    return nullptr;
  }
}
