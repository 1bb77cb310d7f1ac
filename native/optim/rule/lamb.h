// LAMB (You et al. 2020): Adam's direction, scaled in each tensor to the tensor's own length.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct Lamb {
  static constexpr const char* kName = "lamb";
  struct Hyper {
    double lr, beta1, beta2, eps, weight_decay, bias_correction, always_adapt, trust_clip;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"betas.0", &Hyper::beta1},
                                     {"betas.1", &Hyper::beta2},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"biasCorrection", &Hyper::bias_correction},
                                     {"alwaysAdapt", &Hyper::always_adapt},
                                     {"trustClip", &Hyper::trust_clip}};
  static constexpr Slots kSlots{2, {"exp_avg", "exp_avg_sq"}};
  static constexpr bool kStoresStep = true;
  static constexpr int kMoments = 2;
  static constexpr Over kOver = Over::kTensor;

  // In double: the ratio of a tensor's length to its direction's may exceed the range of fp32.
  double lr, trust_clip, step_size;
  bool adapts;
  T mean_weight, square_weight, mean_scale, root_scale, eps, weight_decay;

  TC_HD Lamb(const Hyper& h, int64_t step)
      : lr(h.lr),
        trust_clip(h.trust_clip),
        step_size(h.lr),
        adapts(h.weight_decay != 0 || h.always_adapt != 0),
        mean_weight(1 - h.beta1),
        square_weight(1 - h.beta2),
        mean_scale(h.bias_correction != 0 ? 1 / (1 - std::pow(h.beta1, double(step))) : 1),
        root_scale(h.bias_correction != 0 ? 1 / std::sqrt(1 - std::pow(h.beta2, double(step))) : 1),
        eps(above_zero<T>(h.eps)),
        weight_decay(h.weight_decay) {}

  TC_HD T direction(T p, T g, T* state) const {
    const T mean = state[0] += mean_weight * (g - state[0]);
    const T square = state[1] = toward_square(state[1], square_weight, g);
    return mean * mean_scale / (std::sqrt(square) * root_scale + eps) + weight_decay * p;
  }

  TC_HD void measure(T p, T g, T* state, double* terms) const {
    const double u = direction(p, g, state);
    terms[0] = double(p) * double(p);
    terms[1] = u * u;
  }

  TC_HD void use(const double* sums, int64_t) {
    double trust = adapts && sums[0] > 0 && sums[1] > 0 ? std::sqrt(sums[0]) / std::sqrt(sums[1]) : 1;
    if (trust_clip > 0 && trust > trust_clip) trust = trust_clip;
    step_size = lr * trust;
  }

  TC_HD void operator()(T& p, T g, T* state) const { p -= T(step_size * double(direction(p, g, state))); }
};

}  // namespace tc::optim
