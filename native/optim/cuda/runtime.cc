#include "optim/cuda/runtime.h"

#if !defined(TORCH_CLIP_EMULATE_CUDA)
#include "error.h"

namespace tc::optim::cuda {

int multiprocessors() {
  thread_local std::vector<int> known;
  const auto device = size_t(c10::cuda::current_device());
  if (device >= known.size()) known.resize(device + 1, 0);
  if (known[device] == 0) {
    C10_CUDA_CHECK(cudaDeviceGetAttribute(&known[device], cudaDevAttrMultiProcessorCount, int(device)));
  }
  return known[device];
}

void refuse_launch(cudaError_t error) {
  C10_CUDA_CHECK(error);
  throw Error("ERR_INTERNAL", "CUDA refused a kernel without an error");
}

}  // namespace tc::optim::cuda
#endif
