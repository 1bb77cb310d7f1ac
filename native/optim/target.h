// The tensors that the CUDA driver takes: a GPU's; the CPU's, in a build that emulates a GPU for tests; or, if
// TC_CUDA_DRIVER is not defined, none.
#pragma once

#include <c10/core/Device.h>

#if defined(TORCH_CLIP_CUDA) || defined(TORCH_CLIP_EMULATE_CUDA)
#define TC_CUDA_DRIVER
#endif

namespace tc::optim {

inline bool for_cuda(c10::Device device) {
#if defined(TORCH_CLIP_EMULATE_CUDA)
  return device.is_cpu();
#elif defined(TORCH_CLIP_CUDA)
  return device.is_cuda();
#else
  return false;
#endif
}

}  // namespace tc::optim
