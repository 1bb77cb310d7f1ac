// The sum over one chunk, computed by one block.
#pragma once

#include "optim/cuda/kernels/device.cuh"

namespace tc::optim::cuda {

// Shared memory that all instantiations of one size share.
template <class S, int kCount>
__device__ S* shared_slots() {
  __shared__ S slots[kCount];
  return slots;
}

// Element i is added to slot i modulo the number of slots, in order, whichever thread reads it, and a fixed tree adds
// the slots. So equal gradients have equal norms, however they are aligned.
template <Order kOrder, int kUnroll, class T, class F>
__device__ double sum(const T* g, int length, double p, const F& seen) {
  constexpr int kWidth = kVector<T>, kSlots = kThreads * kWidth;
  // In fp32 for a few elements; a sum that overflows or underflows is computed again.
  using S = Compute<T>;
  // Longer fp32 sums are compensated (Kahan 1965).
  constexpr bool kCompensated = std::is_same_v<S, float> && kChunk / kSlots > 8;
  const int t = int(threadIdx.x);
  S own[kWidth] = {}, lost[kWidth] = {};
  const auto add = [&](int k, T x) {
    const S value = S(seen(widen(x))), size = std::fabs(value);
    if constexpr (kOrder == Order::kInf) {
      // As `larger`, but in fp32.
      own[k] = own[k] >= size || own[k] != own[k] ? own[k] : size;
      return;
    }
    const S term = kOrder == Order::kTwo ? value * value : kOrder == Order::kOne ? size : S(power<kOrder>(value, p));
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
  for (; i < end; i += kThreads * kWidth) {
    const auto vector = reinterpret_cast<const Vector<T, kWidth>&>(g[i]);
    for (int k = 0; k < kWidth; ++k) add(k, vector.v[k]);
  }
  if (i == end) add_some(i);

  double total = 0;
  if constexpr (kOrder == Order::kInf) {
    for (int k = 0; k < kWidth; ++k) total = larger(total, own[k]);
  } else {
    S* const slots = shared_slots<S, kSlots>();
    for (int k = 0; k < kWidth; ++k) slots[(head + t * kWidth + k) % kSlots] = own[k];
    __syncthreads();
    for (int k = 0; k < kWidth; ++k) total += slots[t + k * kThreads];
  }
  return block_tree(total, [](double a, double b) { return accumulate<kOrder>(a, b); });
}

// In every thread.
template <Order kOrder, class T>
__device__ Partial partial_of(const T* g, int length, double p, bool zero_nonfinite) {
  using C = Compute<T>;
  // As many loads in flight as there are registers for; sums are rarely computed again.
  constexpr int kUnroll = kOrder == Order::kAny ? 1 : 4;
  double total = sum<kOrder, kUnroll>(g, length, p, [](C x) { return double(x); });
  double scale = 1;
  // fp32 sums lose terms below 1e-38.
  if (!trustworthy(total) || (!std::is_same_v<T, double> && total < 1e-25)) {
    const auto seen = [=](C x) { return zero_nonfinite && !finite(x) ? 0.0 : double(x); };
    total = scale = sum<Order::kInf, 1>(g, length, p, seen);
    if (kOrder == Order::kInf || !finite(scale) || scale == 0) {
      scale = 1;
    } else {
      total = sum<kOrder, 1>(g, length, p, [=](C x) { return seen(x) / scale; });
    }
  }
  return {total, scale};
}

}  // namespace tc::optim::cuda
