// Averaged stochastic gradient descent (Polyak & Juditsky 1992), as torch.optim.ASGD.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct Asgd {
  static constexpr const char* kName = "asgd";
  struct Hyper {
    double lr, lambd, alpha, t0, weight_decay;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"lambd", &Hyper::lambd},
                                     {"alpha", &Hyper::alpha},
                                     {"t0", &Hyper::t0},
                                     {"weightDecay", &Hyper::weight_decay}};
  static constexpr Slots kSlots{1, {"ax"}};
  // eta and mu are those of the next step; this step's are not kept.
  static constexpr Scalars kScalars{4, {"eta", "mu"}};
  static constexpr bool kStoresStep = true;

  TC_HD static void advance(const Hyper& h, int64_t step, double* scalars) {
    scalars[2] = step == 1 ? h.lr : scalars[0];
    scalars[3] = step == 1 ? 1 : scalars[1];
    scalars[0] = h.lr / std::pow(1 + h.lambd * h.lr * double(step), h.alpha);
    scalars[1] = 1 / std::fmax(1, double(step) - h.t0);
  }

  T eta, decay, mu, weight_decay;

  TC_HD Asgd(const Hyper& h, int64_t, const double* scalars)
      : eta(scalars[2]), decay(h.lambd * scalars[2]), mu(scalars[3]), weight_decay(h.weight_decay) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    p -= decay * p + eta * g;
    state[0] = mu == 1 ? p : state[0] + mu * (p - state[0]);
  }

  // The average follows the parameter to where a clipper of the update has left it.
  TC_HD void follow(T change, T* state) const { state[0] += mu * change; }
};

}  // namespace tc::optim
