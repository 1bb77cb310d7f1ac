// What NVIDIA's tools know: ranges for its profilers (NVTX), and how busy a GPU is (NVML, of its driver).
#include "binding/cuda/cuda.h"

#if defined(TORCH_CLIP_CUDA)
#include <c10/cuda/CUDAException.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <nvtx3/nvToolsExt.h>

namespace tc::cuda {
namespace {

napi_value push(napi_env env, Args& args) {
  return js(env, int64_t{nvtxRangePushA(to_string(env, args[0], "message").c_str())});
}
napi_value pop(napi_env env, Args&) { return js(env, int64_t{nvtxRangePop()}); }
napi_value mark(napi_env env, Args& args) {
  nvtxMarkA(to_string(env, args[0], "message").c_str());
  return undefined(env);
}
napi_value start(napi_env env, Args& args) {
  napi_value id;
  check(env, napi_create_bigint_uint64(env, nvtxRangeStartA(to_string(env, args[0], "message").c_str()), &id));
  return id;
}
napi_value end(napi_env env, Args& args) {
  uint64_t id = 0;
  bool lossless = false;
  if (napi_get_value_bigint_uint64(env, args[0], &id, &lossless) != napi_ok || !lossless) {
    throw Error("ERR_ARGUMENT", "expected the number of a range");
  }
  nvtxRangeEnd(id);
  return undefined(env);
}

// The part of NVML that is used here. The driver brings it, so it is looked for when it is needed.
class Nvml {
 public:
  struct Rates {
    unsigned gpu, memory;
  };

  static Nvml& only() {
    static Nvml nvml;
    return nvml;
  }

  Rates rates(int device) {
    char bus[32];
    // NVML's order of GPUs is not CUDA's.
    C10_CUDA_CHECK(cudaDeviceGetPCIBusId(bus, sizeof bus, device));
    void* handle = nullptr;
    Rates rates{};
    require(by_bus_(bus, &handle));
    require(rates_(handle, &rates));
    return rates;
  }

 private:
  Nvml() : library_(dlopen("libnvidia-ml.so.1", RTLD_LAZY | RTLD_LOCAL)) {
    if (library_ == nullptr) throw Error("ERR_CUDA_UNAVAILABLE", "the NVIDIA driver of this machine has no NVML");
    const auto init = find<int()>("nvmlInit_v2");
    by_bus_ = find<int(const char*, void**)>("nvmlDeviceGetHandleByPciBusId_v2");
    rates_ = find<int(void*, Rates*)>("nvmlDeviceGetUtilizationRates");
    text_ = find<const char*(int)>("nvmlErrorString");
    require(init());
  }
  template <class F>
  F* find(const char* name) {
    auto* const found = reinterpret_cast<F*>(dlsym(library_, name));
    if (found == nullptr) {
      throw Error("ERR_CUDA_UNAVAILABLE", std::string("the NVIDIA driver of this machine has no ") + name);
    }
    return found;
  }
  void require(int code) const {
    if (code != 0) throw Error("ERR_CUDA_UNAVAILABLE", std::string("NVML says: ") + text_(code));
  }

  void* library_;
  int (*by_bus_)(const char*, void**) = nullptr;
  int (*rates_)(void*, Rates*) = nullptr;
  const char* (*text_)(int) = nullptr;
};

// Percent of the time in which kernels ran, and in which memory was read or written.
napi_value utilization(napi_env env, Args& args) {
  const Nvml::Rates rates = Nvml::only().rates(to_gpu(env, args[0]).index());
  return js(env, c10::IntArrayRef({int64_t{rates.gpu}, int64_t{rates.memory}}));
}

}  // namespace

void register_tools(napi_env env, napi_value exports) {
  define(env, exports, "nvtxPush", guarded<push>);
  define(env, exports, "nvtxPop", guarded<pop>);
  define(env, exports, "nvtxMark", guarded<mark>);
  define(env, exports, "nvtxStart", guarded<start>);
  define(env, exports, "nvtxEnd", guarded<end>);
  define(env, exports, "cudaUtilization", guarded<utilization>);
}

}  // namespace tc::cuda

#else

namespace tc::cuda {
void register_tools(napi_env, napi_value) {}
}  // namespace tc::cuda

#endif
