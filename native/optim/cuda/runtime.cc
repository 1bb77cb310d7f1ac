#include "optim/cuda/runtime.h"

#if !defined(TORCH_CLIP_EMULATE_CUDA)
#include "error.h"

namespace tc::optim::cuda {

void refuse_launch(cudaError_t error) {
  C10_CUDA_CHECK(error);
  throw Error("ERR_INTERNAL", "CUDA refused a kernel without an error");
}

}  // namespace tc::optim::cuda
#endif
