// The partial sum that a chunk leaves for the norm of its unit.
#pragma once

#include "optim/cuda/kernels/warp_sum.cuh"

namespace tc::optim::cuda {

template <class Team, Order kOrder, int kUnroll, class T, class F>
__device__ double sum(const T* g, int length, double p, const F& seen) {
  if constexpr (std::is_same_v<Team, Warp>) {
    return warp_sum<kOrder, kUnroll>(g, length, p, seen);
  } else {
    return block_sum<kOrder, kUnroll>(g, length, p, seen);
  }
}

// In every thread of the team.
template <class Team, Order kOrder, class T>
__device__ Partial partial_of(const T* g, int length, double p, bool zero_nonfinite) {
  using C = Compute<T>;
  // As many loads in flight as there are registers for; sums are rarely computed again.
  constexpr int kUnroll = kOrder == Order::kAny ? 1 : std::is_same_v<Team, Warp> ? 3 : 4;
  double total = sum<Team, kOrder, kUnroll>(g, length, p, [](C x) { return double(x); });
  double scale = 1;
  // fp32 sums lose terms below 1e-38.
  if (!trustworthy(total) || (!std::is_same_v<T, double> && total < 1e-25)) {
    const auto seen = [=](C x) { return zero_nonfinite && !finite(x) ? 0.0 : double(x); };
    total = scale = sum<Team, Order::kInf, 1>(g, length, p, seen);
    if (kOrder == Order::kInf || !finite(scale) || scale == 0) {
      scale = 1;
    } else {
      total = sum<Team, kOrder, 1>(g, length, p, [=](C x) { return seen(x) / scale; });
    }
  }
  return {total, scale};
}

}  // namespace tc::optim::cuda
