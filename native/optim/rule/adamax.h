// Adamax (Kingma & Ba 2015, section 7.1), as torch.optim.Adamax.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct Adamax {
  static constexpr const char* kName = "adamax";
  struct Hyper {
    double lr, beta1, beta2, eps, weight_decay;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"betas.0", &Hyper::beta1},
                                     {"betas.1", &Hyper::beta2},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay}};
  static constexpr Slots kSlots{2, {"exp_avg", "exp_inf"}};
  static constexpr bool kStoresStep = true;

  T step_size, mean_weight, fade, eps, weight_decay;

  TC_HD Adamax(const Hyper& h, int64_t step)
      : step_size(h.lr / (1 - std::pow(h.beta1, double(step)))),
        mean_weight(1 - h.beta1),
        fade(1 - h.beta2),
        eps(above_zero<T>(h.eps)),
        weight_decay(h.weight_decay) {}

  // Means move by a fraction of a difference, as in adam.h.
  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    const T mean = state[0] += mean_weight * (g - state[0]);
    const T faded = state[1] - fade * state[1];
    const T size = std::fabs(g) + eps;
    const T largest = state[1] = faded != faded || faded > size ? faded : size;
    p -= step_size * mean / largest;
  }
};

}  // namespace tc::optim
