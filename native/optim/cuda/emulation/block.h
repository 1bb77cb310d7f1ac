// A stand-in for a GPU, to check the kernels' arithmetic where there is none: blocks one after the other, the threads
// of a block as fibers that run from barrier to barrier. It says nothing about speed, nor about memory as a GPU orders
// it.
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

using Kernel = void (*)(const void* call);

// Runs all blocks before it returns. Blocks and threads take their turns in the order that the environment variable
// TORCH_CLIP_EMULATION_ORDER names: "forward", "backward", or a seed, by default the number of the launch.
void run(int64_t blocks, int threads, Kernel kernel, const void* call);

// How many devices there are.
extern int devices;

// How many kernels were run.
extern uint64_t launches;

// Kernels that are started while `capturing` are put into `graph` instead of being run.
extern bool capturing;
extern std::vector<std::function<void()>> graph;

// The process ends with a message where the threads of a block do not all come to the same barrier.
void barrier(std::source_location place = std::source_location::current());

}  // namespace tc::optim::cuda::emulation
