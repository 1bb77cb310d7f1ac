// Settings of the process: versions, threads, the default dtype.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/DefaultDtype.h>
#include <c10/util/Exception.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/headeronly/version.h>

#include "binding/allocator.h"
#include "binding/env.h"
#include "binding/modules.h"
#include "binding/room.h"
#include "binding/value.h"

namespace tc {
namespace {

void keep(napi_env env, napi_value function, napi_ref& ref) {
  if (ref != nullptr) check(env, napi_delete_reference(env, ref));
  check(env, napi_create_reference(env, function, 1, &ref));
}

// libtorch's warnings as JavaScript's; those of its own threads go to the standard error stream as they always did.
class Warnings final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    const Env* state = Env::current();
    if (state == nullptr) return c10::WarningHandler::process(warning);
    state->call(state->warn, warning.msg().c_str());
  }
};

// init(TorchClipError, collectGarbage, warn, whether this is the main thread)
napi_value init(napi_env env, Args& args) {
  Env& state = Env::of(env);
  keep(env, args[0], state.error_class);
  keep(env, args[1], state.collector);
  keep(env, args[2], state.warn);
  if (!to_bool(env, args[3], "isMainThread")) {
    state.generator = at::detail::createCPUGenerator(c10::detail::getNonDeterministicRandom());
  }
  static Warnings warnings;
  c10::WarningUtils::set_warning_handler(&warnings);  // of this thread
  install_allocator();
  // Indices outside of a sparse tensor's shape would otherwise be followed out of its memory.
  at::globalContext().setCheckSparseTensorInvariants(true);
  return undefined(env);
}

// A function of libtorch, not a macro: the loaded version may differ from that of the headers.
napi_value libtorch_version(napi_env env, Args&) {
  const uint64_t bits = aoti_torch_abi_version();
  const auto part = [bits](int shift) { return std::to_string(bits >> shift & 0xff); };
  return js(env, std::string_view(part(56) + '.' + part(48) + '.' + part(40)));
}
napi_value compiled_for(napi_env env, Args&) { return js(env, std::string_view(TORCH_VERSION)); }
napi_value package_version(napi_env env, Args&) { return js(env, std::string_view(TORCH_CLIP_VERSION)); }
napi_value build_config(napi_env env, Args&) { return js(env, std::string_view(at::show_config())); }

// Whether this is a build with CUDA, whether or not there is a GPU.
napi_value cuda_built(napi_env env, Args&) {
#if defined(TORCH_CLIP_CUDA)
  return js(env, true);
#else
  return js(env, false);
#endif
}

napi_value set_num_threads(napi_env env, Args& args) {
  const int64_t n = to_int64(env, args[0], "n");
  if (n < 1 || n > 4096) throw Error("ERR_ARGUMENT", "\"n\" must be an integer from 1 to 4096");
  at::set_num_threads(static_cast<int>(n));
  return undefined(env);
}
napi_value get_num_threads(napi_env env, Args&) { return js(env, static_cast<int64_t>(at::get_num_threads())); }

// Throws where the threads between operators have been started, or their number was set before.
napi_value set_num_interop_threads(napi_env env, Args& args) {
  const int64_t n = to_int64(env, args[0], "n");
  if (n < 1 || n > 4096) throw Error("ERR_ARGUMENT", "\"n\" must be an integer from 1 to 4096");
  at::set_num_interop_threads(static_cast<int>(n));
  return undefined(env);
}
napi_value get_num_interop_threads(napi_env env, Args&) {
  return js(env, static_cast<int64_t>(at::get_num_interop_threads()));
}

napi_value set_warn_always(napi_env env, Args& args) {
  c10::WarningUtils::set_warnAlways(to_bool(env, args[0], "mode"));
  return undefined(env);
}
napi_value get_warn_always(napi_env env, Args&) { return js(env, c10::WarningUtils::get_warnAlways()); }

napi_value set_flush_denormal(napi_env env, Args& args) {
  const bool mode = to_bool(env, args[0], "mode");
  const bool can = at::globalContext().setFlushDenormal(mode);
  // Each thread has a flag of its own; those that are started later take this one's.
  at::parallel_for(0, at::get_num_threads(), 1,
                   [mode](int64_t, int64_t) { at::globalContext().setFlushDenormal(mode); });
  return js(env, can);
}

napi_value default_dtype(napi_env env, Args&) {
  return js(env, static_cast<int64_t>(c10::get_default_dtype_as_scalartype()));
}
napi_value set_default_dtype(napi_env env, Args& args) {
  c10::set_default_dtype(c10::scalarTypeToTypeMeta(to_dtype(env, args[0], "dtype")));
  return undefined(env);
}

// Which kernels of attention may be used, one bit each in the order of at::SDPBackend; a mask that is given replaces
// them.
napi_value sdp_backends(napi_env env, Args& args) {
  at::Context& context = at::globalContext();
  const bool enabled[] = {context.userEnabledMathSDP(), context.userEnabledFlashSDP(),
                          context.userEnabledMemEfficientSDP(), context.userEnabledCuDNNSDP(),
                          context.userEnabledOverrideableSDP()};
  int64_t before = 0;
  for (int bit = 0; bit < 5; bit++) before |= int64_t{enabled[bit]} << bit;
  if (!is_nullish(env, args[0])) {
    const int64_t mask = to_int64(env, args[0], "mask");
    context.setSDPUseMath((mask & 1) != 0);
    context.setSDPUseFlash((mask & 2) != 0);
    context.setSDPUseMemEfficient((mask & 4) != 0);
    context.setSDPUseCuDNN((mask & 8) != 0);
    context.setSDPUseOverrideable((mask & 16) != 0);
  }
  return js(env, before);
}

// What the handles keep alive, for tests and for people who hunt leaks.
napi_value memory_stats(napi_env env, Args&) {
  const Env& state = Env::of(env);
  const napi_value stats = make_object(env);
  set(env, stats, "handles", js(env, state.pool->live()));
  set(env, stats, "bytes", js(env, state.memory.bytes()));
  return stats;
}

// memoryRoom(root): bytes in all and left, by the files under another root than /, for tests.
napi_value memory_room_at(napi_env env, Args& args) {
  const Room room = memory_room(to_string(env, args[0], "root"));
  const napi_value result = make_object(env);
  set(env, result, "total", js(env, room.total));
  set(env, result, "left", js(env, room.left));
  return result;
}

}  // namespace

void register_runtime(napi_env env, napi_value exports) {
  define(env, exports, "init", guarded<init>);
  define(env, exports, "libtorchVersion", guarded<libtorch_version>);
  define(env, exports, "compiledFor", guarded<compiled_for>);
  define(env, exports, "packageVersion", guarded<package_version>);
  define(env, exports, "buildConfig", guarded<build_config>);
  define(env, exports, "cudaBuilt", guarded<cuda_built>);
  define(env, exports, "setNumThreads", guarded<set_num_threads>);
  define(env, exports, "getNumThreads", guarded<get_num_threads>);
  define(env, exports, "setNumInteropThreads", guarded<set_num_interop_threads>);
  define(env, exports, "getNumInteropThreads", guarded<get_num_interop_threads>);
  define(env, exports, "setWarnAlways", guarded<set_warn_always>);
  define(env, exports, "getWarnAlways", guarded<get_warn_always>);
  define(env, exports, "setFlushDenormal", guarded<set_flush_denormal>);
  define(env, exports, "defaultDtype", guarded<default_dtype>);
  define(env, exports, "setDefaultDtype", guarded<set_default_dtype>);
  define(env, exports, "sdpBackends", guarded<sdp_backends>);
  define(env, exports, "memoryStats", guarded<memory_stats>);
  define(env, exports, "memoryRoom", guarded<memory_room_at>);
}

}  // namespace tc
