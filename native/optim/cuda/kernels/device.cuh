// What kernels share.
#pragma once

#include <new>

#include "optim/arithmetic.h"
#include "optim/cuda/kernels/launch.h"
#include "optim/rule/table.h"

namespace tc::optim::cuda {

// Blocks that a multiprocessor holds at least: 64 registers a thread, twice that in fp64. Told nothing, the compiler
// aims at more blocks and spills.
template <class T>
inline constexpr int kBlocks = std::is_same_v<T, double> ? 2 : 4;

// Where the chunk begins in the memory of its item.
template <class T>
__device__ T* begin_of(void* const* moving, void* own, const Chunk& chunk) {
  return static_cast<T*>(moving == nullptr ? own : moving[chunk.item]) + chunk.begin;
}

// As many elements as 16 bytes of T hold.
template <class T>
inline constexpr int kVector = 16 / int(sizeof(T));
template <class T, int kCount>
struct alignas(sizeof(T) * kCount < 16 ? sizeof(T) * kCount : 16) Vector {
  T v[kCount];
};

__device__ inline bool aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

// The elements before the first vector: rows and views begin anywhere.
template <class T>
__device__ int head_of(const T* p) {
  return int(-(reinterpret_cast<uintptr_t>(p) / sizeof(T)) % kVector<T>);
}

// Calls wide(i) for every whole vector of the block's chunk, by its first element, and each(i) for every other element.
// The vectors begin after `head` elements; there is none where that is all of them.
template <int kWidth, class Wide, class Each>
__device__ void for_elements(int length, int head, const Wide& wide, const Each& each) {
  const int between = head < length ? (length - head) / kWidth * kWidth : 0;
  for (int k = int(threadIdx.x); k < length - between; k += kThreads) each(k < head ? k : k + between);
  // Counted down, since this takes a register less.
  const int end = head + between;
  for (int left = between - int(threadIdx.x) * kWidth; left > 0; left -= kThreads * kWidth) wide(end - left);
}

// The rule of the block's parameter, made by one thread: its coefficients take calls of pow.
template <class Rule>
__device__ const Rule& shared_rule(const Pass& pass, const Chunk& chunk) {
  alignas(Rule) __shared__ unsigned char memory[sizeof(Rule)];
  Rule* const rule = reinterpret_cast<Rule*>(memory);
  if (threadIdx.x == 0) new (rule) Rule(rule_of<Rule>(pass, chunk));
  __syncthreads();
  return *rule;
}

// A tree over the block in a fixed shape; the result is every thread's.
template <class T, class Add>
__device__ T block_tree(T value, const Add& add) {
  alignas(T) __shared__ unsigned char memory[sizeof(T) * kThreads];
  T* const slot = reinterpret_cast<T*>(memory);
  __syncthreads();
  slot[threadIdx.x] = value;
  __syncthreads();
  for (int width = kThreads / 2; width > 0; width /= 2) {
    if (int(threadIdx.x) < width) slot[threadIdx.x] = add(slot[threadIdx.x], slot[threadIdx.x + width]);
    __syncthreads();
  }
  return slot[0];
}

// Picks the instantiation for a run-time rule: f.template operator()<Rule>().
template <template <class> class... Rule, class F>
void for_rule(RuleList<Rule...>, int32_t index, const F& f) {
  int32_t at = 0;
  ((at++ == index ? (f.template operator()<Rule>(), true) : false) || ...);
}

}  // namespace tc::optim::cuda
