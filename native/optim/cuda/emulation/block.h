// A stand-in for a GPU, to check the kernels' arithmetic without one: blocks run one after another, and the threads of
// a block are fibers that run from barrier to barrier. It says nothing about speed, nor about a GPU's memory order.
#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <vector>

namespace tc::optim::cuda::emulation {

struct Index {
  unsigned x;
};
extern Index thread_index, block_index, block_size, grid_size;

// The threads of a warp; a block has as many warps as on a GPU.
inline constexpr int kWarp = TORCH_CLIP_EMULATED_THREADS / 8;

using Kernel = void (*)(const void* call);

// Runs all blocks before it returns. Blocks and threads take turns in the order that the environment variable
// TORCH_CLIP_EMULATION_ORDER names: "forward", "backward", or a seed; by default, the number of the launch is the seed.
void run(int64_t blocks, int threads, Kernel kernel, const void* call);

// The number of devices.
extern int devices;

// The current stream, for the following alone: which streams a block of device memory is known to be used in. A block
// has a number, from 1, and is first used in the stream that is current when it is made.
extern int stream;
uint64_t remember();
void use(uint64_t block);
void forget(uint64_t block) noexcept;
// The blocks that are not known to be used in the current stream.
int64_t unknown();

// The number of kernels run so far.
extern uint64_t launches;

// Kernels that are started while `capturing` is set are put into `graph` instead of running.
extern bool capturing;
extern std::vector<std::function<void()>> graph;

// Whom a barrier holds up: the threads of the block, or those of the warp.
enum class Held { kBlock, kWarp };
// Ends the process with a message if those threads do not all reach the same barrier.
void barrier(Held held, std::source_location location = std::source_location::current());

// The value of the thread of the warp whose number differs in these bits.
template <class T>
T exchange(T value, int bits) {
  static std::vector<T> values;
  values.resize(block_size.x);
  values[thread_index.x] = value;
  barrier(Held::kWarp);
  const T other = values[thread_index.x ^ unsigned(bits)];
  barrier(Held::kWarp);
  return other;
}

}  // namespace tc::optim::cuda::emulation
