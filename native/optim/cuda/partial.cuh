// The sum of one chunk, as one block takes it.
#pragma once

#include "optim/cuda/device.cuh"

namespace tc::optim::cuda {

template <Order kOrder, class T, class F>
__device__ double sum(const T* g, int length, double p, const F& seen) {
  double total = 0;
  const auto term = [&](T x) { return power<kOrder>(seen(widen(x)), p); };
  for_elements<kVector<T>>(
      length, aligned(g),
      [&](int i) {
        const auto vector = reinterpret_cast<const Vector<T, kVector<T>>*>(g)[i];
        if constexpr (kOrder == Order::kTwo && !std::is_same_v<T, double>) {
          // fp32 for one vector only; where this overflows or underflows the sum is taken again.
          float part = 0;
          for (int k = 0; k < kVector<T>; ++k)
            part += float(seen(widen(vector.v[k]))) * float(seen(widen(vector.v[k])));
          total += part;
        } else {
          for (int k = 0; k < kVector<T>; ++k) total = accumulate<kOrder>(total, term(vector.v[k]));
        }
      },
      [&](int i) { total = accumulate<kOrder>(total, term(g[i])); });
  return block_tree(total, [](double a, double b) { return accumulate<kOrder>(a, b); });
}

// In every thread.
template <Order kOrder, class T>
__device__ Partial partial_of(const T* g, int length, double p, bool zero_nonfinite) {
  using C = Compute<T>;
  double total = sum<kOrder>(g, length, p, [](C x) { return double(x); });
  double scale = 1;
  // fp32 parts lose what lies below 1e-38.
  if (!trustworthy(total) || (kOrder == Order::kTwo && !std::is_same_v<T, double> && total < 1e-25)) {
    const auto seen = [=](C x) { return zero_nonfinite && !finite(x) ? 0.0 : double(x); };
    total = scale = sum<Order::kInf>(g, length, p, seen);
    if (kOrder == Order::kInf || !finite(scale) || scale == 0) {
      scale = 1;
    } else {
      total = sum<kOrder>(g, length, p, [=](C x) { return seen(x) / scale; });
    }
  }
  return {total, scale};
}

}  // namespace tc::optim::cuda
