// Lion (Chen et al. 2023): the sign of an interpolated momentum.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct Lion {
  static constexpr const char* kName = "lion";
  struct Hyper {
    double lr, beta1, beta2, weight_decay;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"betas.0", &Hyper::beta1},
                                     {"betas.1", &Hyper::beta2},
                                     {"weightDecay", &Hyper::weight_decay}};
  static constexpr Slots kSlots{1, {"exp_avg"}};
  static constexpr bool kStoresStep = false;

  T lr, direction_weight, mean_weight, decay;

  TC_HD Lion(const Hyper& h, int64_t)
      : lr(h.lr), direction_weight(1 - h.beta1), mean_weight(1 - h.beta2), decay(h.lr * h.weight_decay) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    const T direction = state[0] + direction_weight * (g - state[0]);
    state[0] += mean_weight * (g - state[0]);
    // NaN has no sign and stays.
    p -= decay * p + lr * (direction > 0 ? T(1) : direction < 0 ? T(-1) : direction);
  }
};

}  // namespace tc::optim
