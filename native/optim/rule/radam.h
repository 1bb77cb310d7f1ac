// RAdam (Liu et al. 2020), as torch.optim.RAdam.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct Radam {
  static constexpr const char* kName = "radam";
  struct Hyper {
    double lr, beta1, beta2, eps, weight_decay, decoupled;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"betas.0", &Hyper::beta1},
                                     {"betas.1", &Hyper::beta2},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"decoupledWeightDecay", &Hyper::decoupled}};
  static constexpr Slots kSlots{2, {"exp_avg", "exp_avg_sq"}};
  static constexpr bool kStoresStep = true;

  T step_size, mean_weight, square_weight, eps, decay, weight_decay;
  bool adaptive;  // whether enough squares have been seen for their mean to be trusted

  TC_HD Radam(const Hyper& h, int64_t step)
      : mean_weight(1 - h.beta1),
        square_weight(1 - h.beta2),
        eps(above_zero<T>(h.eps)),
        decay(h.decoupled != 0 ? h.lr * h.weight_decay : 0),
        weight_decay(h.decoupled != 0 ? 0 : h.weight_decay) {
    const double t = double(step);
    const double forgotten = std::pow(h.beta2, t);
    const double longest = 2 / (1 - h.beta2) - 1;
    const double length = longest - 2 * t * forgotten / (1 - forgotten);
    adaptive = length > 5;
    const double rectified =
        std::sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length) * (1 - forgotten));
    step_size = T(h.lr / (1 - std::pow(h.beta1, t)) * (adaptive ? rectified : 1));
  }

  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    const T mean = state[0] += mean_weight * (g - state[0]);
    const T square = state[1] = toward_square(state[1], square_weight, g);
    p -= decay * p + step_size * mean / (adaptive ? std::sqrt(square) + eps : T(1));
  }
};

}  // namespace tc::optim
