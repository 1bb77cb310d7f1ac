// Schedule-Free SGD and AdamW (Defazio et al. 2024). The parameter is y, where the gradient is taken; z is the plain
// optimizer's iterate, and the result x is an average of z that y implies: y = (1 - beta) z + beta x.
#pragma once

#include "optim/element.h"

namespace tc::optim {

// What both share: the average's weights, from the learning rates so far.
template <class Hyper>
struct ScheduleFreeAverage {
  static constexpr Scalars kScalars{3, {"lr_max", "weight_sum", "weight"}};
  static constexpr bool kStoresStep = true;

  TC_HD static double rate(const Hyper& h, int64_t step) {
    return h.lr * (double(step) < h.warmup_steps ? double(step) / h.warmup_steps : 1);
  }

  TC_HD static void advance(const Hyper& h, int64_t step, double* s) {
    const double lr = rate(h, step);
    s[0] = lr > s[0] ? lr : s[0];
    const double weight = std::pow(double(step), h.r) * std::pow(s[0], h.weight_lr_power);
    s[1] += weight;
    s[2] = s[1] > 0 ? weight / s[1] : 0;
  }
};

struct ScheduleFreeSgdHyper {
  double lr, momentum, weight_decay, warmup_steps, r, weight_lr_power;
};

template <class T>
struct ScheduleFreeSgd : ScheduleFreeAverage<ScheduleFreeSgdHyper> {
  static constexpr const char* kName = "scheduleFreeSgd";
  using Hyper = ScheduleFreeSgdHyper;
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"momentum", &Hyper::momentum},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"warmupSteps", &Hyper::warmup_steps},
                                     {"r", &Hyper::r},
                                     {"weightLrPower", &Hyper::weight_lr_power}};
  static constexpr Slots kSlots{1, {{"z", Start::kParameter}}};

  T z_rate, y_rate, weight, weight_decay;

  TC_HD ScheduleFreeSgd(const Hyper& h, int64_t step, const double* s)
      : z_rate(rate(h, step)),
        y_rate(rate(h, step) * (1 - h.momentum * (1 - s[2]))),
        weight(s[2]),
        weight_decay(h.weight_decay) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    p += weight * (state[0] - p) - y_rate * g;
    state[0] -= z_rate * g;
  }
};

struct ScheduleFreeAdamHyper {
  double lr, beta1, beta2, eps, weight_decay, warmup_steps, r, weight_lr_power;
};

template <class T>
struct ScheduleFreeAdam : ScheduleFreeAverage<ScheduleFreeAdamHyper> {
  static constexpr const char* kName = "scheduleFreeAdam";
  using Hyper = ScheduleFreeAdamHyper;
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"betas.0", &Hyper::beta1},
                                     {"betas.1", &Hyper::beta2},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"warmupSteps", &Hyper::warmup_steps},
                                     {"r", &Hyper::r},
                                     {"weightLrPower", &Hyper::weight_lr_power}};
  static constexpr Slots kSlots{2, {{"z", Start::kParameter}, "exp_avg_sq"}};

  T z_rate, y_rate, weight, square_weight, root_scale, eps, weight_decay;

  TC_HD ScheduleFreeAdam(const Hyper& h, int64_t step, const double* s)
      : z_rate(rate(h, step)),
        y_rate(rate(h, step) * (1 - h.beta1 * (1 - s[2]))),
        weight(s[2]),
        square_weight(1 - h.beta2),
        root_scale(1 / std::sqrt(1 - std::pow(h.beta2, double(step)))),
        eps(above_zero<T>(h.eps)),
        weight_decay(h.weight_decay) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    // A mean of squares that has overflowed leaves its parameter where it is.
    const T square = state[1] = toward_square(state[1], square_weight, g);
    const T direction = g / (std::sqrt(square) * root_scale + eps) + weight_decay * p;
    p += weight * (state[0] - p) - y_rate * direction;
    state[0] -= z_rate * direction;
  }
};

}  // namespace tc::optim
