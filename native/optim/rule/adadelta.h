// Adadelta (Zeiler 2012), as torch.optim.Adadelta.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct Adadelta {
  static constexpr const char* kName = "adadelta";
  struct Hyper {
    double lr, rho, eps, weight_decay;
  };
  static constexpr Field kHyper[] = {
      {"lr", &Hyper::lr}, {"rho", &Hyper::rho}, {"eps", &Hyper::eps}, {"weightDecay", &Hyper::weight_decay}};
  static constexpr Slots kSlots{2, {"square_avg", "acc_delta"}};
  static constexpr bool kStoresStep = true;

  T lr, weight, eps, weight_decay;

  TC_HD Adadelta(const Hyper& h, int64_t)
      : lr(h.lr), weight(1 - h.rho), eps(above_zero<T>(h.eps)), weight_decay(h.weight_decay) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    const T square = state[0] = toward_square(state[0], weight, g);
    const T delta = std::sqrt(state[1] + eps) / std::sqrt(square + eps) * g;
    state[1] = toward_square(state[1], weight, delta);
    p -= lr * delta;
  }
};

}  // namespace tc::optim
