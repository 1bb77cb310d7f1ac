// ACClip (Zhang et al. 2020): each coordinate of the momentum is clipped at a running moment of its gradient.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T, bool kPower>
struct AcclipRule {
  static constexpr const char* kName = kPower ? "acclipPower" : "acclip";
  struct Hyper {
    double lr, beta1, beta2, eps, alpha, weight_decay;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},         {"betas.0", &Hyper::beta1},
                                     {"betas.1", &Hyper::beta2}, {"eps", &Hyper::eps},
                                     {"alpha", &Hyper::alpha},   {"weightDecay", &Hyper::weight_decay}};
  static constexpr Slots kSlots{2, {"exp_avg", "exp_avg_abs"}};
  static constexpr bool kStoresStep = false;

  T lr, mean_weight, moment_weight, eps, alpha, root, weight_decay;

  TC_HD AcclipRule(const Hyper& h, int64_t)
      : lr(h.lr),
        mean_weight(1 - h.beta1),
        moment_weight(1 - h.beta2),
        eps(above_zero<T>(h.eps)),
        alpha(h.alpha),
        root(1 / h.alpha),
        weight_decay(h.weight_decay) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    const T size = std::fabs(g);
    const T mean = state[0] += mean_weight * (g - state[0]);
    const T moment = state[1] = toward(state[1], moment_weight, kPower ? std::pow(size, alpha) : size);
    const T limit = kPower ? std::pow(moment, root) : moment;
    const T reach = std::fabs(mean) + eps;
    p -= lr * (limit < reach ? limit / reach * mean : mean);
  }
};

template <class T>
using Acclip = AcclipRule<T, false>;
template <class T>
using AcclipPower = AcclipRule<T, true>;

}  // namespace tc::optim
