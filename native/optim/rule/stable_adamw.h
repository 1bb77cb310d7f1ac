// StableAdamW (Wortsman et al. 2023): AdamW whose learning rate shrinks in a tensor whose squares have outgrown their
// mean.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct StableAdamW {
  static constexpr const char* kName = "stableAdamW";
  struct Hyper {
    double lr, beta1, beta2, eps, weight_decay, clip_threshold;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"betas.0", &Hyper::beta1},
                                     {"betas.1", &Hyper::beta2},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"clipThreshold", &Hyper::clip_threshold}};
  static constexpr Slots kSlots{2, {"exp_avg", "exp_avg_sq"}};
  static constexpr bool kStoresStep = true;
  static constexpr int kMoments = 1;
  static constexpr Over kOver = Over::kTensor;

  Hyper hyper;
  T lr, mean_weight, square_weight, eps, decay;

  // The means need no bias correction: each weight is a fraction of all weights so far.
  TC_HD StableAdamW(const Hyper& h, int64_t step)
      : hyper(h),
        mean_weight((1 - h.beta1) / (1 - std::pow(h.beta1, double(step)))),
        square_weight((1 - h.beta2) / (1 - std::pow(h.beta2, double(step)))),
        eps(above_zero<T>(h.eps)) {
    set_rate(h.lr);
  }

  TC_HD void set_rate(double rate) {
    lr = T(rate);
    decay = T(rate * hyper.weight_decay);
  }

  TC_HD void measure(T, T g, T* state, double* terms) const {
    const double mean = toward_square(state[1], square_weight, g);
    const double least = above_zero<T>(hyper.eps * hyper.eps);
    terms[0] = g == 0 ? 0 : double(g) * double(g) / (mean > least ? mean : least);
  }

  TC_HD void use(const double* sums, int64_t numel) {
    const double excess = std::sqrt(sums[0] / double(numel)) / hyper.clip_threshold;
    if (excess > 1) set_rate(hyper.lr / excess);
  }

  TC_HD void operator()(T& p, T g, T* state) const {
    // The first weights are so large that a gradient of the other sign would make the distance infinite.
    const T mean = state[0] = toward_far(state[0], mean_weight, g);
    const T square = state[1] = toward_square(state[1], square_weight, g);
    p -= decay * p + lr * mean / (std::sqrt(square) + eps);
  }
};

}  // namespace tc::optim
