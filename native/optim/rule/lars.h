// LARS (You, Gitman & Ginsburg 2017): momentum over gradients that are scaled in each tensor to the
// tensor's own length.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T, bool kMomentum>
struct LarsRule {
  static constexpr const char* kName = kMomentum ? "larsMomentum" : "lars";
  struct Hyper {
    double lr, momentum, weight_decay, nesterov, trust_coefficient, eps, trust_clip, always_adapt;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"momentum", &Hyper::momentum},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"nesterov", &Hyper::nesterov},
                                     {"trustCoefficient", &Hyper::trust_coefficient},
                                     {"eps", &Hyper::eps},
                                     {"trustClip", &Hyper::trust_clip},
                                     {"alwaysAdapt", &Hyper::always_adapt}};
  static constexpr Slots kSlots{kMomentum ? 1 : 0, {"momentum_buffer"}};
  static constexpr bool kStoresStep = false;
  static constexpr int kMoments = 2;
  static constexpr Over kOver = Over::kTensor;

  Hyper hyper;
  double trust = 1;
  T lr, momentum, weight_decay;
  bool nesterov;

  TC_HD LarsRule(const Hyper& h, int64_t)
      : hyper(h), lr(h.lr), momentum(h.momentum), weight_decay(h.weight_decay), nesterov(h.nesterov != 0) {}

  TC_HD void measure(T p, T g, T*, double* terms) const {
    terms[0] = double(p) * double(p);
    terms[1] = double(g) * double(g);
  }

  TC_HD void use(const double* sums, int64_t) {
    const Hyper& h = hyper;
    const double p = std::sqrt(sums[0]), g = std::sqrt(sums[1]);
    if ((h.weight_decay == 0 && h.always_adapt == 0) || !(p > 0 && g > 0)) return;
    double ratio = h.trust_coefficient * p / (g + h.weight_decay * p + h.eps);
    // With lr, by which the update is multiplied later, it is at most lr.
    if (h.trust_clip != 0) ratio = ratio < h.lr ? ratio / h.lr : 1;
    trust = ratio;
  }

  TC_HD void operator()(T& p, T g, T* state) const {
    g = T(trust * double(weight_decay == 0 ? g : g + weight_decay * p));
    if constexpr (kMomentum) {
      const T buffer = state[0] = momentum * state[0] + g;
      g = nesterov ? g + momentum * buffer : buffer;
    }
    p -= lr * g;
  }
};

template <class T>
using Lars = LarsRule<T, false>;
template <class T>
using LarsMomentum = LarsRule<T, true>;

}  // namespace tc::optim
