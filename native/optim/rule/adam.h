// Adam (Kingma & Ba 2015), AdamW (Loshchilov & Hutter 2019) and their AMSGrad forms (Reddi et al. 2018), as in
// torch.optim.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T, bool kAmsgrad>
struct AdamRule {
  static constexpr const char* kName = kAmsgrad ? "adamAmsgrad" : "adam";
  struct Hyper {
    double lr, beta1, beta2, eps, weight_decay, decoupled;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"betas.0", &Hyper::beta1},
                                     {"betas.1", &Hyper::beta2},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"decoupledWeightDecay", &Hyper::decoupled}};
  static constexpr Slots kSlots{kAmsgrad ? 3 : 2, {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}};
  static constexpr bool kStoresStep = true;

  T step_size, mean_weight, square_weight, root_scale, eps, decay, weight_decay;

  TC_HD AdamRule(const Hyper& h, int64_t step)
      : step_size(h.lr / (1 - std::pow(h.beta1, double(step)))),
        mean_weight(1 - h.beta1),
        square_weight(1 - h.beta2),
        root_scale(1 / std::sqrt(1 - std::pow(h.beta2, double(step)))),
        eps(above_zero<T>(h.eps)),
        decay(h.decoupled != 0 ? h.lr * h.weight_decay : 0),
        weight_decay(h.decoupled != 0 ? 0 : h.weight_decay) {}

  // The decay, like the means, is a fraction of a difference: 1 - lr * decay is not exact in fp32.
  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    const T mean = state[0] += mean_weight * (g - state[0]);
    // A mean of squares that has overflowed leaves its parameter where it is.
    T square = state[1] = toward_square(state[1], square_weight, g);
    if constexpr (kAmsgrad) square = state[2] = square <= state[2] ? state[2] : square;
    p -= decay * p + step_size * mean / (std::sqrt(square) * root_scale + eps);
  }
};

template <class T>
using Adam = AdamRule<T, false>;
template <class T>
using AdamAmsgrad = AdamRule<T, true>;

}  // namespace tc::optim
