// Stochastic gradient descent with momentum (Polyak 1964; Nesterov 1983), as torch.optim.SGD.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T, bool kMomentum>
struct SgdRule {
  static constexpr const char* kName = kMomentum ? "sgdMomentum" : "sgd";
  struct Hyper {
    double lr, weight_decay, momentum, dampening, nesterov;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"momentum", &Hyper::momentum},
                                     {"dampening", &Hyper::dampening},
                                     {"nesterov", &Hyper::nesterov}};
  static constexpr Slots kSlots{kMomentum ? 1 : 0, {"momentum_buffer"}};
  static constexpr bool kStoresStep = false;

  T lr, weight_decay, momentum, fresh;
  bool nesterov;

  // The first step starts the buffer with the gradient itself, undampened.
  TC_HD SgdRule(const Hyper& h, int64_t step)
      : lr(h.lr),
        weight_decay(h.weight_decay),
        momentum(h.momentum),
        fresh(step == 1 ? 1 : 1 - h.dampening),
        nesterov(h.nesterov != 0) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    if constexpr (kMomentum) {
      const T buffer = state[0] = momentum * state[0] + fresh * g;
      g = nesterov ? g + momentum * buffer : buffer;
    }
    p -= lr * g;
  }
};

template <class T>
using Sgd = SgdRule<T, false>;
template <class T>
using SgdMomentum = SgdRule<T, true>;

}  // namespace tc::optim
