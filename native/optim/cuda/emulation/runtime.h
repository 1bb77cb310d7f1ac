// The parts of CUDA and of libtorch's CUDA library that the kernels and their driver use, on the host.
#pragma once

#include <c10/core/Device.h>
#include <math.h>

#include <cstdlib>
#include <tuple>
#include <utility>

#include "optim/cuda/emulation/block.h"
#include "optim/pass.h"

#define __global__
#define __device__
// Only one block runs at a time.
#define __shared__ static
#define __launch_bounds__(...)
#define __syncthreads() ::tc::optim::cuda::emulation::barrier(::tc::optim::cuda::emulation::Held::kBlock)
#define __syncwarp() ::tc::optim::cuda::emulation::barrier(::tc::optim::cuda::emulation::Held::kWarp)
#define __shfl_xor_sync(mask, value, bits) ::tc::optim::cuda::emulation::exchange(value, bits)
#define __threadfence() (void)0
#define __threadfence_block() (void)0
#define threadIdx (::tc::optim::cuda::emulation::thread_index)
#define blockIdx (::tc::optim::cuda::emulation::block_index)
#define blockDim (::tc::optim::cuda::emulation::block_size)
#define gridDim (::tc::optim::cuda::emulation::grid_size)

template <class T, class U>
T atomicAdd(T* at, U value) {
  const T old = *at;
  *at += value;
  return old;
}
template <class T, class U>
T atomicOr(T* at, U value) {
  const T old = *at;
  *at |= value;
  return old;
}

using cudaStream_t = std::nullptr_t;
enum cudaError_t { cudaSuccess };
enum cudaStreamCaptureMode { cudaStreamCaptureModeRelaxed };
inline constexpr unsigned cudaHostAllocMapped = 0, cudaHostAllocPortable = 0;
inline cudaError_t cudaHostAlloc(void** memory, size_t size, unsigned) {
  *memory = std::malloc(size);
  return cudaSuccess;
}
inline cudaError_t cudaHostGetDevicePointer(void** address, void* memory, unsigned) {
  *address = memory;
  return cudaSuccess;
}

#define C10_CUDA_CHECK(call) (void)(call)

namespace c10::cuda {
struct CUDAGuard {
  explicit CUDAGuard(Device) {}
};
struct CUDAStreamCaptureModeGuard {
  explicit CUDAStreamCaptureModeGuard(cudaStreamCaptureMode) {}
};
struct CUDAStream {
  cudaStream_t stream() const { return nullptr; }
};
inline CUDAStream getCurrentCUDAStream(DeviceIndex) { return {}; }
}  // namespace c10::cuda

namespace tc::optim::cuda {

inline constexpr bool kEmulated = true;
// All devices share the host's memory; parameters are dealt out to them in turn.
inline c10::Device device_at(int) { return c10::kCPU; }
inline int index_of(const Item& item) { return item.parameter % emulation::devices; }
inline constexpr int kThreads = TORCH_CLIP_EMULATED_THREADS;
inline constexpr int kWarp = emulation::kWarp;

// As the CUDA build's; only tests ask what it has been told.
class Streams {
 public:
  Streams() = default;
  Streams(Streams&& other) noexcept : block_(std::exchange(other.block_, 0)) {}
  Streams& operator=(Streams&& other) noexcept {
    emulation::forget(block_);
    block_ = std::exchange(other.block_, 0);
    return *this;
  }
  ~Streams() { emulation::forget(block_); }
  template <class Tensor>
  void made(const Tensor&) {
    emulation::forget(block_);
    block_ = emulation::remember();
  }
  template <class Tensor>
  void use(const Tensor&) {
    emulation::use(block_);
  }

 private:
  uint64_t block_ = 0;
};

struct Moment {
  void record(c10::Device) {}
  void wait(c10::Device) {}
};

// So few that tests have both small models and large ones.
inline int multiprocessors(c10::Device) { return 1; }

// A kernel begins when the one before it has ended.
inline void await_previous() {}
inline bool capturing(cudaStream_t) { return emulation::capturing; }

template <class... Parameters, class... Arguments>
void start(void (*kernel)(Parameters...), int64_t blocks, int threads, cudaStream_t, const Arguments&... arguments) {
  // Each thread gets its own copy of the parameters.
  const std::tuple<decltype(kernel), Parameters...> call(kernel, arguments...);
  const auto launch = [=] {
    emulation::run(
        blocks, threads,
        [](const void* raw) {
          std::apply([](auto f, const auto&... values) { f(values...); }, *static_cast<const decltype(call)*>(raw));
        },
        &call);
  };
  if (emulation::capturing) {
    emulation::graph.push_back(launch);
  } else {
    launch();
  }
}

}  // namespace tc::optim::cuda
