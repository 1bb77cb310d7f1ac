// Normalized SGD with momentum (Cutkosky & Mehta 2020): every step has the same length.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T, Over kScope>
struct NormalizedSgdRule {
  static constexpr const char* kName = kScope == Over::kTensor ? "normalizedSgdTensor" : "normalizedSgd";
  struct Hyper {
    double lr, momentum, weight_decay;
  };
  static constexpr Field kHyper[] = {
      {"lr", &Hyper::lr}, {"momentum", &Hyper::momentum}, {"weightDecay", &Hyper::weight_decay}};
  static constexpr Slots kSlots{1, {"exp_avg"}};
  static constexpr bool kStoresStep = false;
  static constexpr int kMoments = 1;
  static constexpr Over kOver = kScope;

  // In double: after many steps without a gradient the mean is too short to be divided by in fp32.
  double lr, step_size = 0;
  T mean_weight, weight_decay;

  TC_HD NormalizedSgdRule(const Hyper& h, int64_t)
      : lr(h.lr), mean_weight(1 - h.momentum), weight_decay(h.weight_decay) {}

  TC_HD T mean(T p, T g, const T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    return state[0] + mean_weight * (g - state[0]);
  }

  TC_HD void measure(T p, T g, const T* state, double* terms) const {
    const double m = mean(p, g, state);
    terms[0] = m * m;
  }

  TC_HD void use(const double* sums, int64_t) { step_size = sums[0] > 0 ? lr / std::sqrt(sums[0]) : 0; }

  TC_HD void operator()(T& p, T g, T* state) const {
    state[0] = mean(p, g, state);
    p -= T(step_size * double(state[0]));
  }
};

template <class T>
using NormalizedSgd = NormalizedSgdRule<T, Over::kEverything>;
template <class T>
using NormalizedSgdTensor = NormalizedSgdRule<T, Over::kTensor>;

}  // namespace tc::optim
