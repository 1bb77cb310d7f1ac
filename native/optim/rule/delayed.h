// Clip-AdaGradD and Clip-AdamD (Chezhegov et al. 2024, arXiv 2406.04443), coordinate by coordinate: the denominator
// knows the gradients of earlier steps alone, and so is independent of the one that it divides.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct DelayedAdagrad {
  static constexpr const char* kName = "delayedAdagrad";
  struct Hyper {
    double lr, eps, weight_decay, initial;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"initialAccumulatorValue", &Hyper::initial}};
  static constexpr Slots kSlots{1, {{"sum", &Hyper::initial}}};
  static constexpr bool kStoresStep = false;

  T lr, eps, decay;

  TC_HD DelayedAdagrad(const Hyper& h, int64_t) : lr(h.lr), eps(above_zero<T>(h.eps)), decay(h.lr * h.weight_decay) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    p -= decay * p + lr * g / (std::sqrt(state[0]) + eps);
    state[0] += g * g;
  }
};

template <class T>
struct DelayedAdam {
  static constexpr const char* kName = "delayedAdam";
  struct Hyper {
    double lr, beta1, beta2, eps, weight_decay, initial;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"betas.0", &Hyper::beta1},
                                     {"betas.1", &Hyper::beta2},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"initialAccumulatorValue", &Hyper::initial}};
  static constexpr Slots kSlots{2, {"exp_avg", {"exp_avg_sq", &Hyper::initial}}};
  static constexpr bool kStoresStep = false;

  T lr, mean_weight, square_weight, eps, decay;

  TC_HD DelayedAdam(const Hyper& h, int64_t)
      : lr(h.lr),
        mean_weight(1 - h.beta1),
        square_weight(1 - h.beta2),
        eps(above_zero<T>(h.eps)),
        decay(h.lr * h.weight_decay) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    const T mean = state[0] += mean_weight * (g - state[0]);
    p -= decay * p + lr * mean / (std::sqrt(state[1]) + eps);
    // A mean of squares that has overflowed leaves its parameter where it is.
    state[1] = toward_square(state[1], square_weight, g);
  }
};

}  // namespace tc::optim
