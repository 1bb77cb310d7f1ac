// The only header that includes CUDA's runtime.
#pragma once

#if defined(TORCH_CLIP_EMULATE_CUDA)
#include "optim/cuda/emulation/runtime.h"
#else

#include <cuda_runtime_api.h>

#if !defined(__CUDACC__)
#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <optional>
#include <vector>
#endif

#include "optim/pass.h"

namespace tc::optim::cuda {

inline constexpr bool kEmulated = false;

#if !defined(__CUDACC__)
inline c10::Device device_at(int index) { return {c10::kCUDA, c10::DeviceIndex(index)}; }

// The streams that a block of the allocator's is used in. It was made for one of them: the allocator may give it away
// when it is dropped, while others are still reading it, unless it has been told of them.
class Streams {
 public:
  void made(const at::Tensor& block) {
    home_ = c10::cuda::getCurrentCUDAStream(block.device().index());
    told_.clear();
  }
  // What the current stream is given next uses the block.
  void use(const at::Tensor& block) {
    const c10::cuda::CUDAStream now = c10::cuda::getCurrentCUDAStream(block.device().index());
    if (now == home_ || std::find(told_.begin(), told_.end(), now) != told_.end()) return;
    block.record_stream(now);
    told_.push_back(now);
  }

 private:
  std::optional<c10::cuda::CUDAStream> home_;
  std::vector<c10::cuda::CUDAStream> told_;
};

// A moment of a stream, for which other streams of the device can wait.
class Moment {
 public:
  void record(c10::Device device) { event_.record(c10::cuda::getCurrentCUDAStream(device.index()).unwrap()); }
  void wait(c10::Device device) { event_.block(c10::cuda::getCurrentCUDAStream(device.index()).unwrap()); }

 private:
  c10::Event event_{c10::kCUDA};
};
#endif
inline int index_of(const Item& item) { return item.device; }
// The number of threads in a block, and in a warp.
inline constexpr int kThreads = 256;
inline constexpr int kWarp = 32;

// Whether work on the stream is being captured into a graph instead of running.
inline bool capturing(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  return cudaStreamIsCapturing(stream, &status) == cudaSuccess && status != cudaStreamCaptureStatusNone;
}

#if !defined(__CUDACC__)
int multiprocessors(c10::Device device);
#endif

// Throws what CUDA says of it.
[[noreturn]] void refuse_launch(cudaError_t error);
// A kernel's code is loaded by its first launch, in ways that a capture may forbid: this loads it before.
void load_in_capture(const void* kernel);
// Whether the current device and the code for it let a kernel be launched while the one before it in its stream ends.
bool starts_early(const void* kernel);

#if defined(__CUDACC__)
// What every kernel does first: waits until all that was given to the stream before it has ended and is in memory. A
// kernel that did not would let those behind it begin before the ones ahead of it have ended.
__device__ inline void await_previous() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}

// Starts a kernel on the stream. One that is refused ends the step: those behind it would go by what it has not
// written.
template <class... Parameters, class... Arguments>
void start(void (*kernel)(Parameters...), int64_t blocks, int threads, cudaStream_t stream,
           const Arguments&... arguments) {
  const auto* const address = reinterpret_cast<const void*>(kernel);
  if (capturing(stream)) load_in_capture(address);
  // The launch of one kernel and the end of another overlap: a step has several, and those of a small model are short.
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(unsigned(blocks));
  config.blockDim = dim3(unsigned(threads));
  config.stream = stream;
  config.attrs = &early;
  config.numAttrs = starts_early(address) ? 1 : 0;
  const cudaError_t error = cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
  if (error != cudaSuccess) refuse_launch(error);
}
#endif

}  // namespace tc::optim::cuda

#endif
