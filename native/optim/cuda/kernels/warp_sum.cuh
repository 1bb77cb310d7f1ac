// The sum over one small chunk, by a warp: the same bits as a block's.
#pragma once

#include "optim/cuda/kernels/sum.cuh"

namespace tc::optim::cuda {

// How many threads of a block a lane plays.
inline constexpr int kOwn = kPlayed<Warp>;

// With kUnroll elements of each thread that a lane plays on their way, or, for 1, one element after another in little
// code. In every lane.
template <Order kOrder, int kUnroll, class T, class F>
__device__ double warp_sum(const T* g, int length, double p, const F& seen) {
  using S = Compute<T>;
  static_assert(kSmall <= 2 * kSlots<T> || std::is_same_v<S, double>, "two terms need no compensation");
  const auto add = [](auto a, auto b) {
    if constexpr (kOrder == Order::kInf) return larger_term(a, b);
    return a + b;
  };
  const auto term = [&](T x) { return term_of<kOrder>(S(seen(widen(x))), p); };
  // Every kWarp-th element, and zeros, which change no sum, behind the last one.
  const auto read = [&](auto& x, int first) {
    constexpr int kCount = sizeof x / sizeof x[0];
#pragma unroll
    for (int k = 0; k < kCount; ++k) x[k] = first + k * kWarp < length ? g[first + k * kWarp] : T{};
  };
  const int lane = Warp::rank();
  double own[kOwn] = {};
  if constexpr (kUnroll == 1) {
#pragma unroll 1
    for (int played = 0; played < kOwn; ++played) {
      double total = 0;
#pragma unroll 1
      for (int slot = lane + played * kWarp; slot < length && slot < kSlots<T>; slot += kThreads) {
        S sum = 0;
#pragma unroll 1
        for (int i = slot; i < length; i += kSlots<T>) sum = add(sum, term(g[i]));
        total = add(total, double(sum));
      }
      // An index that is computed would take it out of the registers.
#pragma unroll
      for (int k = 0; k < kOwn; ++k) own[k] = k == played ? total : own[k];
    }
  } else if (length <= kSlots<T>) {
    // No slot has more than one element.
#pragma unroll 1
    for (int first = lane; first < length + lane; first += kUnroll * kThreads) {
      T x[kUnroll * kOwn];
      read(x, first);
#pragma unroll
      for (int n = 0; n < kUnroll; ++n) {
        if (n > 0 && first - lane + n * kThreads >= length) break;
#pragma unroll
        for (int k = 0; k < kOwn; ++k) own[k] = add(own[k], double(term(x[n * kOwn + k])));
      }
    }
  } else {
#pragma unroll 1
    for (int first = lane; first < kSlots<T>; first += kThreads) {
      S sums[kOwn] = {};
#pragma unroll 1
      for (int begin = first; begin < length + lane; begin += kSlots<T>) {
        T x[kOwn];
        read(x, begin);
#pragma unroll
        for (int k = 0; k < kOwn; ++k) sums[k] = add(sums[k], term(x[k]));
      }
#pragma unroll
      for (int k = 0; k < kOwn; ++k) own[k] = add(own[k], double(sums[k]));
    }
  }
  add_played<Warp>(own, add);
  for (int width = kWarp / 2; width > 0; width /= 2) own[0] = add(own[0], __shfl_xor_sync(~0u, own[0], width));
  return own[0];
}

}  // namespace tc::optim::cuda
