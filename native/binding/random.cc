#include "binding/random.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include "binding/modules.h"
#include "binding/value.h"

namespace tc {
namespace {

std::recursive_mutex& turn() {
  static std::recursive_mutex mutex;
  return mutex;
}

void exchange(const at::Generator& a, const at::Generator& b) {
  auto* x = at::check_generator<at::CPUGeneratorImpl>(a);
  auto* y = at::check_generator<at::CPUGeneratorImpl>(b);
  const auto engine = x->engine();
  const auto single = x->next_float_normal_sample();
  const auto twice = x->next_double_normal_sample();
  x->set_engine(y->engine());
  x->set_next_float_normal_sample(y->next_float_normal_sample());
  x->set_next_double_normal_sample(y->next_double_normal_sample());
  y->set_engine(engine);
  y->set_next_float_normal_sample(single);
  y->set_next_double_normal_sample(twice);
}

std::unique_lock<std::mutex> locked(at::Generator& g) { return std::unique_lock(g.mutex()); }

napi_value manual_seed(napi_env env, Args& args) {
  const uint64_t seed = to_seed(env, args[0]);
  at::Generator own = Env::of(env).generator;
  const std::unique_lock order(turn());
  if (!own.defined()) {
    at::manual_seed(seed);
    return undefined(env);
  }
  {
    const auto lock = locked(own);
    own.set_current_seed(seed);
  }
  // GPUs have one default generator each for the process.
  for (int i = 0; at::hasCUDA() && i < at::detail::getCUDAHooks().deviceCount(); ++i) {
    at::Generator gpu = at::globalContext().defaultGenerator(c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(i)));
    const auto lock = locked(gpu);
    gpu.set_current_seed(seed);
  }
  return undefined(env);
}

// defaultGenerator(gpu?): the CPU's, or that of a GPU.
napi_value default_generator(napi_env env, Args& args) {
  if (!is_nullish(env, args[0])) {
    const int64_t gpu = to_int64(env, args[0], "gpu");
    const int64_t count = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
    if (gpu < 0 || gpu >= count) throw Error("ERR_CUDA_UNAVAILABLE", "there is no GPU of that index");
    return wrap(env, at::globalContext().defaultGenerator(c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(gpu))));
  }
  const at::Generator& own = Env::of(env).generator;
  return wrap(env, own.defined() ? own : at::detail::getDefaultCPUGenerator());
}
// makeGenerator(gpu?): of the CPU, or of the GPU with this index.
napi_value make_generator(napi_env env, Args& args) {
  if (is_nullish(env, args[0])) return wrap(env, at::make_generator<at::CPUGeneratorImpl>());
  const int64_t gpu = to_int64(env, args[0], "gpu");
  if (gpu < 0 || gpu > 127) throw Error("ERR_DEVICE", "\"gpu\" must be the index of a GPU");
  return wrap(env, at::detail::getCUDAHooks().getNewGenerator(static_cast<c10::DeviceIndex>(gpu)));
}
// generatorDevice(generator): the index of its GPU, or -1.
napi_value generator_device(napi_env env, Args& args) {
  const c10::Device device = unwrap_generator(env, args[0]).device();
  return js(env, int64_t{device.is_cuda() ? device.index() : -1});
}

napi_value generator_seed(napi_env env, Args& args) {
  at::Generator g = unwrap_generator(env, args[0]);
  const std::unique_lock order(turn());
  const auto lock = locked(g);
  if (!is_nullish(env, args[1])) g.set_current_seed(to_seed(env, args[1]));
  napi_value seed;
  check(env, napi_create_bigint_uint64(env, g.current_seed(), &seed));
  return seed;
}
napi_value generator_random_seed(napi_env env, Args& args) {
  at::Generator g = unwrap_generator(env, args[0]);
  const std::unique_lock order(turn());
  const auto lock = locked(g);
  napi_value seed;
  check(env, napi_create_bigint_uint64(env, g.seed(), &seed));
  return seed;
}
napi_value generator_state(napi_env env, Args& args) {
  at::Generator g = unwrap_generator(env, args[0]);
  at::Tensor state;
  {
    const std::unique_lock order(turn());
    const auto lock = locked(g);
    state = g.get_state();
  }
  return wrap(env, std::move(state));
}
napi_value generator_set_state(napi_env env, Args& args) {
  at::Generator g = unwrap_generator(env, args[0]);
  const at::Tensor state = unwrap(env, args[1]);
  const std::unique_lock order(turn());
  const auto lock = locked(g);
  g.set_state(state);
  return undefined(env);
}

}  // namespace

DefaultGenerator::DefaultGenerator(const Env& env) : lock_(turn()), own_(env.generator) {
  if (own_.defined()) exchange(at::detail::getDefaultCPUGenerator(), own_);
}

DefaultGenerator::~DefaultGenerator() {
  if (own_.defined()) exchange(at::detail::getDefaultCPUGenerator(), own_);
}

void register_random(napi_env env, napi_value exports) {
  define(env, exports, "manualSeed", guarded<manual_seed>);
  define(env, exports, "defaultGenerator", guarded<default_generator>);
  define(env, exports, "makeGenerator", guarded<make_generator>);
  define(env, exports, "generatorDevice", guarded<generator_device>);
  define(env, exports, "generatorSeed", guarded<generator_seed>);
  define(env, exports, "generatorRandomSeed", guarded<generator_random_seed>);
  define(env, exports, "generatorState", guarded<generator_state>);
  define(env, exports, "generatorSetState", guarded<generator_set_state>);
}

}  // namespace tc
