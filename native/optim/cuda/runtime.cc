#include "optim/cuda/runtime.h"

#if !defined(TORCH_CLIP_EMULATE_CUDA)
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

void refuse_launch(cudaError_t error) {
  C10_CUDA_CHECK(error);
  throw Error("ERR_INTERNAL", "CUDA refused a kernel without an error");
}

}  // namespace tc::optim::cuda
#endif
