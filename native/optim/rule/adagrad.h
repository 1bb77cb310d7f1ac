// Adagrad (Duchi, Hazan & Singer 2011), as torch.optim.Adagrad.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct Adagrad {
  static constexpr const char* kName = "adagrad";
  struct Hyper {
    double lr, lr_decay, eps, weight_decay, initial;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"lrDecay", &Hyper::lr_decay},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"initialAccumulatorValue", &Hyper::initial}};
  static constexpr Slots kSlots{1, {{"sum", &Hyper::initial}}};
  static constexpr bool kStoresStep = true;

  T step_size, eps, weight_decay;

  TC_HD Adagrad(const Hyper& h, int64_t step)
      : step_size(h.lr / (1 + double(step - 1) * h.lr_decay)),
        eps(above_zero<T>(h.eps)),
        weight_decay(h.weight_decay) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    const T sum = state[0] += g * g;
    p -= step_size * g / (std::sqrt(sum) + eps);
  }
};

}  // namespace tc::optim
