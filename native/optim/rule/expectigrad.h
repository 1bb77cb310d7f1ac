// Expectigrad (Daley & Amato 2020): the square of each gradient element is averaged over all steps, or over those with
// a gradient other than 0, instead of exponentially; momentum is taken of the normalised steps.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T, bool kSparse>
struct ExpectigradRule {
  static constexpr const char* kName = kSparse ? "expectigradSparse" : "expectigrad";
  struct Hyper {
    double lr, beta, eps, decay, iterations;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"beta", &Hyper::beta},
                                     {"eps", &Hyper::eps},
                                     {"decay", &Hyper::decay},
                                     {"iterations", &Hyper::iterations}};
  static constexpr Slots kSlots{kSparse ? 3 : 2, {"mean_square", "momentum", "counter"}};
  static constexpr bool kStoresStep = true;

  T step_size, fresh, share, eps;

  TC_HD ExpectigradRule(const Hyper& h, int64_t step)
      : step_size(h.lr / (1 + h.decay * h.iterations) / (1 - std::pow(h.beta, double(step)))),
        fresh(1 - h.beta),
        share(1 / double(step)),
        eps(above_zero<T>(h.eps)) {}

  // A running mean: in fp32, a sum and its count would stop growing long before the mean has converged.
  TC_HD void operator()(T& p, T g, T* state) const {
    T part = share;
    if constexpr (kSparse) {
      const T seen = g != 0 ? T(1) : T(0);
      const T count = state[2] += seen;
      // 0 / 1 if there was none yet: a division in a branch would keep the loop from being vectorised.
      part = seen / (count > 1 ? count : T(1));
    }
    // A mean of squares that has overflowed leaves its parameter where it is.
    const T square = state[0] = toward_square(state[0], part, g);
    const T mean = state[1] += fresh * (g / (eps + std::sqrt(square)) - state[1]);
    p -= step_size * mean;
  }
};

template <class T>
using Expectigrad = ExpectigradRule<T, false>;
template <class T>
using ExpectigradSparse = ExpectigradRule<T, true>;

}  // namespace tc::optim
