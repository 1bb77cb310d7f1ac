// Tensors that JavaScript has dropped hold a GPU's memory until a garbage collection. The allocator asks for one each
// time that it has no cached block and is about to ask the driver. A full collection takes as long as thousands of
// operators, so it runs only where the driver could refuse.
#if defined(TORCH_CLIP_CUDA)
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>

#include <algorithm>

#include "binding/collect.h"
#include "binding/env.h"

namespace tc::cuda {
namespace {

// The size that is asked for is unknown here, so an eighth of the memory is reserved for it. All that was made since
// the last collection may be garbage.
bool is_short(int64_t made) {
  const auto device = c10::cuda::current_device();
  c10::cuda::CUDACachingAllocator::CUDAAllocator& memory = *c10::cuda::CUDACachingAllocator::get();
  const auto [free, total] = memory.getMemoryInfo(device);
  // PYTORCH_ALLOC_CONF can leave libtorch less than there is.
  const auto allowed = static_cast<int64_t>(memory.getMemoryFraction(device) * static_cast<double>(total));
  const auto reserved = memory.getDeviceStats(device).reserved_bytes[0].current;
  return std::min(static_cast<int64_t>(free), allowed - reserved) < allowed / 8 + made;
}

// None can run on threads that have no environment.
class Collection final : public c10::FreeMemoryCallback {
 public:
  bool Execute() override {
    Env* state = Env::current();
    if (state == nullptr || captures > 0 || !is_short(state->memory.made())) return false;
    state->call(state->collector);
    state->memory.collected();
    return true;
  }
};

}  // namespace
}  // namespace tc::cuda

namespace c10 {
REGISTER_FREE_MEMORY_CALLBACK("torch_clip", tc::cuda::Collection)
}  // namespace c10
#endif
