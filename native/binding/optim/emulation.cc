// Functions that only a build that emulates a GPU has, for its tests.
#include "binding/optim/support.h"
#if defined(TORCH_CLIP_EMULATE_CUDA)
#include "optim/cuda/emulation/block.h"
#endif

namespace tc {
#if defined(TORCH_CLIP_EMULATE_CUDA)
namespace {

namespace emulation = optim::cuda::emulation;

// emulationLaunches(): how many kernels have run so far.
napi_value launches(napi_env env, Args&) { return js(env, int64_t(emulation::launches)); }

// emulationDevices(n): optimizers created from now on see their parameters on n devices in turn.
napi_value devices(napi_env env, Args& args) {
  emulation::devices = int(to_int64(env, args[0], "n"));
  return undefined(env);
}

// emulationStream(n): the stream that is current from now on.
napi_value stream(napi_env env, Args& args) {
  emulation::stream = int(to_int64(env, args[0], "n"));
  return undefined(env);
}

// emulationUnknown(): how many blocks of device memory are not known to be used in the current stream.
napi_value unknown(napi_env env, Args&) { return js(env, emulation::unknown()); }

// emulationCapture(on): from now on kernels are recorded (replacing the previous recording), or run again.
napi_value capture(napi_env env, Args& args) {
  emulation::capturing = to_bool(env, args[0], "on");
  if (emulation::capturing) emulation::graph.clear();
  return undefined(env);
}

// emulationReplay(): runs the recorded kernels.
napi_value replay(napi_env env, Args&) {
  for (const auto& launch : emulation::graph) launch();
  return undefined(env);
}

}  // namespace

void register_emulation(napi_env env, napi_value exports) {
  define(env, exports, "emulationLaunches", guarded<launches>);
  define(env, exports, "emulationDevices", guarded<devices>);
  define(env, exports, "emulationStream", guarded<stream>);
  define(env, exports, "emulationUnknown", guarded<unknown>);
  define(env, exports, "emulationCapture", guarded<capture>);
  define(env, exports, "emulationReplay", guarded<replay>);
}
#else
void register_emulation(napi_env, napi_value) {}
#endif
}  // namespace tc
