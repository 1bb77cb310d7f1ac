// What kernels share.
#pragma once

#include <type_traits>

#include "optim/arithmetic.h"
#include "optim/cuda/kernels/launch.h"
#include "optim/rule/table.h"

namespace tc::optim::cuda {

// The threads that share a chunk: those of a block, or, in kernels that say so, those of one of its warps.
template <int kCount>
struct BlockOf {
  static constexpr int kSize = kCount, kInBlock = 1;
  static __device__ int rank() { return int(threadIdx.x); }
  static __device__ int number() { return int(blockIdx.x); }
};
using Block = BlockOf<kThreads>;
struct Warp {
  static constexpr int kSize = kWarp, kInBlock = 4;
  static __device__ int rank() { return int(threadIdx.x) % kWarp; }
  static __device__ int number() { return int(blockIdx.x) * kInBlock + int(threadIdx.x) / kWarp; }
};
template <class Team>
inline constexpr int kThreadsOf = Team::kSize * Team::kInBlock;

// Calls f.template operator()<Team>() for those that change a chunk of the launch, element by element.
template <class F>
void for_team(const Launch& launch, const F& f) {
  launch.small ? f.template operator()<BlockOf<kThreads / 4>>() : f.template operator()<Block>();
}

// The least number of blocks per multiprocessor: 64 registers per thread, or 128 in fp64. Without it, the compiler aims
// at more blocks, and spills.
template <class T, class Team = Block>
inline constexpr int kBlocks = (std::is_same_v<T, double> ? 512 : 1024) / kThreadsOf<Team>;

// The chunk's first element.
template <class T>
__device__ T* begin_of(void* const* moving, void* own, const Chunk& chunk) {
  return static_cast<T*>(moving == nullptr ? own : moving[chunk.item]) + chunk.begin;
}

// What the block visits. Before any branch, even the one that skips the step: the two loads of 16 bytes are on their
// way together with what the branch waits for.
__device__ inline Work work_at(const Work* work) {
#if defined(__CUDA_ARCH__)
  static_assert(sizeof(Work) == 32 && alignof(Work) == 16);
  Work out;
  int4 low, high;
  const auto address = __cvta_generic_to_global(work);
  // Volatile: the compiler would move them behind the branch, where they are used.
  asm volatile("ld.global.v4.s32 {%0, %1, %2, %3}, [%4];"
               : "=r"(low.x), "=r"(low.y), "=r"(low.z), "=r"(low.w)
               : "l"(address));
  asm volatile("ld.global.v4.s32 {%0, %1, %2, %3}, [%4 + 16];"
               : "=r"(high.x), "=r"(high.y), "=r"(high.z), "=r"(high.w)
               : "l"(address));
  out.chunk.begin = int64_t(uint32_t(low.x)) | int64_t(low.y) << 32;
  out.chunk.item = low.z;
  out.chunk.length = low.w;
  out.chunk.unit = high.x;
  out.index = high.z;
  return out;
#else
  return *work;
#endif
}

// The number of elements in 16 bytes.
template <class T>
inline constexpr int kVector = 16 / int(sizeof(T));
template <class T, int kCount>
struct alignas(sizeof(T) * kCount < 16 ? sizeof(T) * kCount : 16) Vector {
  T v[kCount];
};

__device__ inline bool aligned(const void* p, int bytes = 16) { return reinterpret_cast<uintptr_t>(p) % bytes == 0; }

// The number of elements before the first aligned vector: rows and views may begin anywhere.
template <class T>
__device__ int head_of(const T* p) {
  return int(-(reinterpret_cast<uintptr_t>(p) / sizeof(T)) % kVector<T>);
}

// Calls wide(i) for every whole vector of the team's chunk, by its first element, and each(i) for every other element.
// Vectors begin after `head` elements; there are none if that is all of them.
template <int kWidth, class Team = Block, class Wide, class Each>
__device__ void for_elements(int length, int head, const Wide& wide, const Each& each) {
  const int between = head < length ? (length - head) / kWidth * kWidth : 0;
  for (int k = Team::rank(); k < length - between; k += Team::kSize) each(k < head ? k : k + between);
  // Counting down takes one register less.
  const int end = head + between;
  for (int left = between - Team::rank() * kWidth; left > 0; left -= Team::kSize * kWidth) wide(end - left);
}

// The rule of the chunk's parameter, which the decision has made.
template <class Rule, class Team = Block>
__device__ const Rule& shared_rule(const DevicePass& pass, const Chunk& chunk) {
  static_assert(std::is_trivially_copyable_v<Rule>);
  alignas(Rule) __shared__ unsigned char memory[sizeof(Rule)];
  const unsigned char* const made = pass.rules + chunk.item * kRuleBytes;
  for (int i = Team::rank(); i < int(sizeof(Rule)); i += Team::kSize) memory[i] = made[i];
  __syncthreads();
  Rule* const rule = reinterpret_cast<Rule*>(memory);
  if constexpr (moments_of<Rule>() > 0) {
    if (Team::rank() == 0) use_moments(*rule, pass, chunk);
    __syncthreads();
  }
  return *rule;
}

// Adds the values of the block's first kCount threads in a tree of fixed shape; every thread gets the result.
template <int kCount = kThreads, class T, class Add>
__device__ T block_tree(T value, const Add& add) {
  alignas(T) __shared__ unsigned char memory[sizeof(T) * kCount];
  T* const slot = reinterpret_cast<T*>(memory);
  __syncthreads();
  if (int(threadIdx.x) < kCount) slot[threadIdx.x] = value;
  __syncthreads();
  for (int width = kCount / 2; width > 0; width /= 2) {
    if (int(threadIdx.x) < width) slot[threadIdx.x] = add(slot[threadIdx.x], slot[threadIdx.x + width]);
    // From here on the first warp adds what it has written itself.
    if (width > kWarp) {
      __syncthreads();
    } else {
      __syncwarp();
    }
  }
  __syncthreads();
  return slot[0];
}

// How many threads of a full block a thread of a smaller team plays: itself, itself + Team::kSize and so on.
template <class Team>
inline constexpr int kPlayed = kThreads / Team::kSize;

// Adds the values of those in the order of the same tree, down to one value per thread of the team, in values[0].
template <class Team, class T, class Add>
__device__ void add_played(T (&values)[kPlayed<Team>], const Add& add) {
#pragma unroll
  for (int width = kPlayed<Team> / 2; width > 0; width /= 2) {
#pragma unroll
    for (int k = 0; k < width; ++k) values[k] = add(values[k], values[k + width]);
  }
}

// Picks the instantiation for a run-time rule: f.template operator()<Rule>().
template <template <class> class... Rule, class F>
void for_rule(RuleList<Rule...>, int32_t index, const F& f) {
  int32_t at = 0;
  ((at++ == index ? (f.template operator()<Rule>(), true) : false) || ...);
}

}  // namespace tc::optim::cuda
