// Resilient backpropagation (Riedmiller & Braun 1993) without backtracking of weights, as torch.optim.Rprop.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct Rprop {
  static constexpr const char* kName = "rprop";
  struct Hyper {
    double lr, eta_minus, eta_plus, smallest, largest;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"etas.0", &Hyper::eta_minus},
                                     {"etas.1", &Hyper::eta_plus},
                                     {"stepSizes.0", &Hyper::smallest},
                                     {"stepSizes.1", &Hyper::largest}};
  static constexpr Slots kSlots{2, {"prev", {"step_size", &Hyper::lr}}};
  static constexpr bool kStoresStep = true;

  T shrink, grow, smallest, largest;

  TC_HD Rprop(const Hyper& h, int64_t)
      : shrink(h.eta_minus - 1), grow(h.eta_plus - 1), smallest(h.smallest), largest(h.largest) {}

  // Only signs matter: a product of two small gradients could underflow. NaN has no sign, as in PyTorch.
  TC_HD void operator()(T& p, T g, T* state) const {
    const T turn = (T(g > 0) - T(g < 0)) * state[0];
    T size = state[1] + state[1] * (turn > 0 ? grow : turn < 0 ? shrink : T(0));
    size = size < smallest ? smallest : size;
    size = size > largest ? largest : size;
    g = turn < 0 ? T(0) : g;
    p -= (T(g > 0) - T(g < 0)) * size;
    state[0] = g;
    state[1] = size;
  }
};

}  // namespace tc::optim
