// NAdam (Dozat 2016), as torch.optim.NAdam.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct Nadam {
  static constexpr const char* kName = "nadam";
  struct Hyper {
    double lr, beta1, beta2, eps, weight_decay, momentum_decay, decoupled;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"betas.0", &Hyper::beta1},
                                     {"betas.1", &Hyper::beta2},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"momentumDecay", &Hyper::momentum_decay},
                                     {"decoupledWeightDecay", &Hyper::decoupled}};
  static constexpr Slots kSlots{2, {"exp_avg", "exp_avg_sq"}};
  static constexpr Scalars kScalars{1, {"mu_product"}};
  static constexpr bool kStoresStep = true;

  // The momentum's schedule.
  TC_HD static double mu(const Hyper& h, int64_t step) {
    return h.beta1 * (1 - 0.5 * std::pow(0.96, double(step) * h.momentum_decay));
  }
  TC_HD static void advance(const Hyper& h, int64_t step, double* scalars) {
    scalars[0] = (step == 1 ? 1 : scalars[0]) * mu(h, step);
  }

  T gradient_size, mean_size, mean_weight, square_weight, root_scale, eps, decay, weight_decay;

  TC_HD Nadam(const Hyper& h, int64_t step, const double* scalars)
      : gradient_size(h.lr * (1 - mu(h, step)) / (1 - scalars[0])),
        mean_size(h.lr * mu(h, step + 1) / (1 - scalars[0] * mu(h, step + 1))),
        mean_weight(1 - h.beta1),
        square_weight(1 - h.beta2),
        root_scale(1 / std::sqrt(1 - std::pow(h.beta2, double(step)))),
        eps(above_zero<T>(h.eps)),
        decay(h.decoupled != 0 ? h.lr * h.weight_decay : 0),
        weight_decay(h.decoupled != 0 ? 0 : h.weight_decay) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    const T mean = state[0] += mean_weight * (g - state[0]);
    const T square = state[1] = toward_square(state[1], square_weight, g);
    p -= decay * p + (gradient_size * g + mean_size * mean) / (std::sqrt(square) * root_scale + eps);
  }
};

}  // namespace tc::optim
