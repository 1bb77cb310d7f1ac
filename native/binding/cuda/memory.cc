// What needs CUDA's own headers of the memory that libtorch keeps on GPUs.
#include "binding/cuda/cuda.h"

#if defined(TORCH_CLIP_CUDA)
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

namespace tc::cuda {
namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

// Free and total bytes of a GPU.
napi_value info(napi_env env, Args& args) {
  const c10::cuda::CUDAGuard guard(to_gpu(env, args[0]));
  size_t free = 0, total = 0;
  C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  return js(env, c10::IntArrayRef({static_cast<int64_t>(free), static_cast<int64_t>(total)}));
}

// cudaMemoryFraction(device, fraction?): what it was.
napi_value fraction(napi_env env, Args& args) {
  const auto device = to_gpu(env, args[0]).index();
  const double before = allocator::getMemoryFraction(device);
  if (!is_nullish(env, args[1])) {
    const double wanted = to_double(env, args[1], "fraction");
    if (!(wanted >= 0 && wanted <= 1)) throw Error("ERR_ARGUMENT", "\"fraction\" must be a number in [0, 1]");
    allocator::setMemoryFraction(wanted, device);
  }
  return js(env, before);
}

napi_value snapshot(napi_env env, Args&) {
  const auto segments = allocator::snapshot().segments;
  const auto number = [env](auto value) { return js(env, static_cast<int64_t>(value)); };
  return make_array(env, segments.size(), [&](size_t i) {
    const auto& segment = segments[i];
    const napi_value out = make_object(env);
    set(env, out, "device", number(segment.device));
    set(env, out, "address", number(segment.address));
    set(env, out, "total_size", number(segment.total_size));
    set(env, out, "allocated_size", number(segment.allocated_size));
    set(env, out, "active_size", number(segment.active_size));
    set(env, out, "requested_size", number(segment.requested_size));
    set(env, out, "stream", number(reinterpret_cast<uintptr_t>(segment.stream)));
    set(env, out, "segment_type", js(env, std::string_view(segment.is_large ? "large" : "small")));
    set(env, out, "is_expandable", js(env, segment.is_expandable));
    size_t address = segment.address;
    set(env, out, "blocks", make_array(env, segment.blocks.size(), [&](size_t k) {
          const auto& block = segment.blocks[k];
          const napi_value each = make_object(env);
          set(env, each, "address", number(address));
          set(env, each, "size", number(block.size));
          set(env, each, "requested_size", number(block.requested_size));
          const std::string_view state = block.allocated ? "active_allocated"
                                         : block.active  ? "active_pending_free"
                                                         : "inactive";
          set(env, each, "state", js(env, state));
          address += block.size;
          return each;
        }));
    return out;
  });
}

}  // namespace

void register_memory(napi_env env, napi_value exports) {
  define(env, exports, "cudaMemoryInfo", guarded<info>);
  define(env, exports, "cudaMemoryFraction", guarded<fraction>);
  define(env, exports, "cudaMemorySnapshot", guarded<snapshot>);
}

}  // namespace tc::cuda

#else

namespace tc::cuda {
void register_memory(napi_env, napi_value) {}
}  // namespace tc::cuda

#endif
