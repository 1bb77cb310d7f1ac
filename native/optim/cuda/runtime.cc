#include "optim/cuda/runtime.h"

#if !defined(TORCH_CLIP_EMULATE_CUDA)
#include <array>
#include <atomic>

#include "error.h"

namespace tc::optim::cuda {

int multiprocessors(c10::Device device) {
  int count = 0;
  C10_CUDA_CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device.index()));
  return count;
}

void load_in_capture(const void* kernel) {
  const c10::cuda::CUDAStreamCaptureModeGuard relaxed(cudaStreamCaptureModeRelaxed);
  cudaFuncAttributes attributes;
  C10_CUDA_CHECK(cudaFuncGetAttributes(&attributes, kernel));
}

bool starts_early(const void* kernel) {
  // Of each device: 0 for unknown. All kernels are compiled for the same devices.
  static std::array<std::atomic<int8_t>, C10_COMPILE_TIME_MAX_GPUS> known{};
  int device = 0, major = 0;
  C10_CUDA_CHECK(cudaGetDevice(&device));
  std::atomic<int8_t>& answer = known.at(size_t(device));
  if (const int8_t value = answer.load(std::memory_order_relaxed); value != 0) return value > 0;
  C10_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  cudaFuncAttributes attributes;
  {
    const c10::cuda::CUDAStreamCaptureModeGuard relaxed(cudaStreamCaptureModeRelaxed);
    C10_CUDA_CHECK(cudaFuncGetAttributes(&attributes, kernel));
  }
  // Code for older devices that the driver has translated for this one does not wait by itself.
  const bool early = major >= 9 && attributes.ptxVersion >= 90;
  answer.store(early ? 1 : -1, std::memory_order_relaxed);
  return early;
}

void refuse_launch(cudaError_t error) {
  C10_CUDA_CHECK(error);
  throw Error("ERR_INTERNAL", "CUDA refused a kernel without an error");
}

}  // namespace tc::optim::cuda
#endif
