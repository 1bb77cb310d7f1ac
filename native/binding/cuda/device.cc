// The GPUs, their generators, and the memory that libtorch keeps on them.
#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>

#include "binding/cuda/cuda.h"
#include "binding/modules.h"

namespace tc {
namespace cuda {
namespace {

napi_value count(napi_env env, Args&) {
  return js(env, static_cast<int64_t>(at::detail::getCUDAHooks().deviceCount()));
}

napi_value current_device(napi_env env, Args&) { return js(env, static_cast<int64_t>(driver().getDevice().index())); }
napi_value set_device(napi_env env, Args& args) {
  driver().setDevice(to_gpu(env, args[0]));
  return undefined(env);
}
napi_value synchronize(napi_env env, Args& args) {
  driver().synchronizeDevice(to_gpu(env, args[0]).index());
  return undefined(env);
}

// manualSeed(device, seed)
napi_value manual_seed(napi_env env, Args& args) {
  at::Generator generator = at::globalContext().defaultGenerator(to_gpu(env, args[0]));
  const uint64_t seed = to_seed(env, args[1]);
  std::lock_guard lock(generator.mutex());
  generator.set_current_seed(seed);
  return undefined(env);
}

// Null before the first allocation: asking must not make a context on the GPU.
c10::DeviceAllocator* allocator() {
  auto* found = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(c10::kCUDA));
  return found != nullptr && found->initialized() ? found : nullptr;
}

using c10::CachingAllocator::Stat;
using c10::CachingAllocator::StatArray;

// An object under PyTorch's names, such as "allocated_bytes.all.peak".
class Report {
 public:
  explicit Report(napi_env env) : object(make_object(env)), env_(env) {}

  void add(const std::string& name, int64_t value) {
    set(env_, object, name.c_str(), js(env_, static_cast<double>(value)));
  }
  void add(const std::string& name, const Stat& stat) {
    add(name + ".current", stat.current);
    add(name + ".peak", stat.peak);
    add(name + ".allocated", stat.allocated);
    add(name + ".freed", stat.freed);
  }
  void add(const std::string& name, const StatArray& stats) {
    constexpr const char* kPools[] = {".all", ".small_pool", ".large_pool"};
    for (size_t i = 0; i < std::size(kPools); ++i) add(name + kPools[i], stats[i]);
  }

  napi_value object;

 private:
  napi_env env_;
};

napi_value memory_stats(napi_env env, Args& args) {
  Report report(env);
  c10::DeviceAllocator* const memory = allocator();
  if (memory == nullptr) return report.object;
  const auto stats = memory->getDeviceStats(to_gpu(env, args[0]).index());
  report.add("allocation", stats.allocation);
  report.add("segment", stats.segment);
  report.add("active", stats.active);
  report.add("inactive_split", stats.inactive_split);
  report.add("allocated_bytes", stats.allocated_bytes);
  report.add("reserved_bytes", stats.reserved_bytes);
  report.add("active_bytes", stats.active_bytes);
  report.add("inactive_split_bytes", stats.inactive_split_bytes);
  report.add("requested_bytes", stats.requested_bytes);
  report.add("oversize_allocations", stats.oversize_allocations);
  report.add("oversize_segments", stats.oversize_segments);
  report.add("num_alloc_retries", stats.num_alloc_retries);
  report.add("num_ooms", stats.num_ooms);
  report.add("num_sync_all_streams", stats.num_sync_all_streams);
  report.add("num_device_alloc", stats.num_device_alloc);
  report.add("num_device_free", stats.num_device_free);
  report.add("max_split_size", stats.max_split_size);
  return report.object;
}

napi_value reset_peak(napi_env env, Args& args) {
  if (c10::DeviceAllocator* const memory = allocator()) memory->resetPeakStats(to_gpu(env, args[0]).index());
  return undefined(env);
}
napi_value reset_accumulated(napi_env env, Args& args) {
  if (c10::DeviceAllocator* const memory = allocator()) memory->resetAccumulatedStats(to_gpu(env, args[0]).index());
  return undefined(env);
}
napi_value empty_cache(napi_env env, Args&) {
  if (c10::DeviceAllocator* const memory = allocator()) memory->emptyCache();
  return undefined(env);
}

}  // namespace
}  // namespace cuda

void register_cuda(napi_env env, napi_value exports) {
  define(env, exports, "cudaDeviceCount", guarded<cuda::count>);
  define(env, exports, "cudaCurrentDevice", guarded<cuda::current_device>);
  define(env, exports, "cudaSetDevice", guarded<cuda::set_device>);
  define(env, exports, "cudaSynchronize", guarded<cuda::synchronize>);
  define(env, exports, "cudaManualSeed", guarded<cuda::manual_seed>);
  define(env, exports, "cudaResetAccumulated", guarded<cuda::reset_accumulated>);
  define(env, exports, "cudaMemoryStats", guarded<cuda::memory_stats>);
  define(env, exports, "cudaResetPeak", guarded<cuda::reset_peak>);
  define(env, exports, "cudaEmptyCache", guarded<cuda::empty_cache>);
  cuda::register_streams(env, exports);
  cuda::register_graphs(env, exports);
  cuda::register_memory(env, exports);
  cuda::register_tools(env, exports);
}

}  // namespace tc
