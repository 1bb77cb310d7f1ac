// The sum over one chunk, in parts that do not depend on who adds them: element i is added to slot i modulo the number
// of slots, in order, and a fixed tree adds the slots. So equal gradients have equal norms, however they are aligned.
#pragma once

#include "optim/cuda/kernels/device.cuh"

namespace tc::optim::cuda {

template <class T>
inline constexpr int kSlots = kThreads * kVector<T>;

// What an element adds, in fp32 for most dtypes: a sum that overflows or underflows is computed again.
template <Order kOrder, class S>
__device__ S term_of(S value, double p) {
  return kOrder == Order::kTwo ? value * value : kOrder == Order::kAny ? S(power<kOrder>(value, p)) : std::fabs(value);
}

// As `larger`, but in fp32.
template <class S>
__device__ S larger_term(S own, S term) {
  return own >= term || own != own ? own : term;
}

// Shared memory that all instantiations of one size share.
template <class S, int kCount>
__device__ S* shared_slots() {
  __shared__ S slots[kCount];
  return slots;
}

// By a block; in every thread.
template <Order kOrder, int kUnroll, class T, class F>
__device__ double block_sum(const T* g, int length, double p, const F& seen) {
  constexpr int kWidth = kVector<T>;
  using S = Compute<T>;
  // Longer fp32 sums are compensated (Kahan 1965).
  constexpr bool kCompensated = std::is_same_v<S, float> && kChunk / kSlots<T> > 8;
  const int t = int(threadIdx.x);
  S own[kWidth] = {}, lost[kWidth] = {};
  const auto add = [&](int k, T x) {
    const S term = term_of<kOrder>(S(seen(widen(x))), p);
    if constexpr (kOrder == Order::kInf) {
      own[k] = larger_term(own[k], term);
      return;
    }
    const S rest = term - lost[k], sum = own[k] + rest;
    if constexpr (kCompensated) lost[k] = sum - own[k] - rest;
    own[k] = sum;
  };
  const auto add_some = [&](int first) {
    for (int k = 0; k < kWidth; ++k) {
      if (first + k >= 0 && first + k < length) add(k, g[first + k]);
    }
  };
  const int head = head_of(g), end = head + (length - head) / kWidth * kWidth;
  // The partial vector before thread 0's.
  if (t == kThreads - 1 && head > 0) add_some(head - kWidth);
  int i = head + t * kWidth;
#pragma unroll kUnroll
  for (; i < end; i += kSlots<T>) {
    const auto vector = reinterpret_cast<const Vector<T, kWidth>&>(g[i]);
    for (int k = 0; k < kWidth; ++k) add(k, vector.v[k]);
  }
  if (i == end) add_some(i);

  double total = 0;
  if constexpr (kOrder == Order::kInf) {
    for (int k = 0; k < kWidth; ++k) total = larger(total, own[k]);
  } else {
    S* const slots = shared_slots<S, kSlots<T>>();
    for (int k = 0; k < kWidth; ++k) slots[(head + t * kWidth + k) % kSlots<T>] = own[k];
    __syncthreads();
    for (int k = 0; k < kWidth; ++k) total += slots[t + k * kThreads];
  }
  return block_tree(total, [](double a, double b) { return accumulate<kOrder>(a, b); });
}

}  // namespace tc::optim::cuda
