// Writes words that are passed as kernel parameters, so that a graph that captures the kernel has its own copy.
#include <algorithm>

#include "optim/cuda/kernels/launch.h"

namespace tc::optim::cuda {
namespace {

// As much as kernel parameters have room for, besides two others.
struct Words {
  static constexpr int kCount = 496;
  uint64_t word[kCount];
};

__global__ void write_kernel(uint64_t* to, Words words, int count) {
  await_previous();
  for (int i = int(threadIdx.x); i < count; i += int(blockDim.x)) to[i] = words.word[i];
}

}  // namespace

void write(uint64_t* to, const uint64_t* words, int64_t count, cudaStream_t stream) {
  for (int64_t begin = 0; begin < count; begin += Words::kCount) {
    Words part{};
    const int64_t length = std::min<int64_t>(Words::kCount, count - begin);
    std::copy_n(words + begin, length, part.word);
    start(write_kernel, 1, kThreads, stream, to + begin, part, int(length));
  }
}

}  // namespace tc::optim::cuda
