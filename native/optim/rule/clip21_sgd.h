// Clip21-SGD (Khirirat et al. 2023): the step follows an estimate of the gradient, which moves by the clipped
// difference.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct Clip21Sgd {
  static constexpr const char* kName = "clip21Sgd";
  struct Hyper {
    double lr, max_norm, weight_decay;
  };
  static constexpr Field kHyper[] = {
      {"lr", &Hyper::lr}, {"maxNorm", &Hyper::max_norm}, {"weightDecay", &Hyper::weight_decay}};
  static constexpr Slots kSlots{1, {"shift"}};
  static constexpr bool kStoresStep = false;
  static constexpr int kMoments = 1;
  static constexpr Over kOver = Over::kEverything;

  double max_norm;
  T lr, weight_decay, coefficient = 1;

  TC_HD Clip21Sgd(const Hyper& h, int64_t) : max_norm(h.max_norm), lr(h.lr), weight_decay(h.weight_decay) {}

  TC_HD T difference(T p, T g, const T* state) const {
    return (weight_decay == 0 ? g : g + weight_decay * p) - state[0];
  }

  TC_HD void measure(T p, T g, const T* state, double* terms) const {
    const double d = difference(p, g, state);
    terms[0] = d * d;
  }

  TC_HD void use(const double* sums, int64_t) {
    const double norm = std::sqrt(sums[0]);
    coefficient = T(norm > max_norm ? max_norm / norm : 1);
  }

  TC_HD void operator()(T& p, T g, T* state) const {
    const T shift = state[0] += coefficient * difference(p, g, state);
    p -= lr * shift;
  }
};

}  // namespace tc::optim
