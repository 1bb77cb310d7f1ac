// ClipUp (Toklu, Liskowski & Srivastava 2020): momentum over normalized gradients, with a limit on the velocity's norm.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T>
struct ClipUp {
  static constexpr const char* kName = "clipUp";
  // A max_speed of NaN stands for twice the learning rate.
  struct Hyper {
    double lr, momentum, max_speed, weight_decay;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"momentum", &Hyper::momentum},
                                     {"maxSpeed", &Hyper::max_speed},
                                     {"weightDecay", &Hyper::weight_decay}};
  static constexpr Slots kSlots{1, {"velocity"}};
  static constexpr bool kStoresStep = false;
  static constexpr int kMoments = 4;
  static constexpr Over kOver = Over::kEverything;

  Hyper hyper;
  double fresh = 0;
  T kept = 0, weight_decay;

  TC_HD ClipUp(const Hyper& h, int64_t) : hyper(h), weight_decay(h.weight_decay) {}

  TC_HD T gradient(T p, T g) const { return weight_decay == 0 ? g : g + weight_decay * p; }

  // The new velocity's norm follows from sums over the old one and g, even if groups differ in their options.
  TC_HD void measure(T p, T g, const T* state, double* terms) const {
    const double x = gradient(p, g), kept = hyper.momentum * double(state[0]), fresh = hyper.lr * x;
    terms[0] = x * x;
    terms[1] = kept * kept;
    terms[2] = kept * fresh;
    terms[3] = fresh * fresh;
  }

  TC_HD void use(const double* sums, int64_t) {
    const double inverse = sums[0] > 0 ? 1 / std::sqrt(sums[0]) : 0;
    const double speed = std::sqrt(sums[1] + inverse * (2 * sums[2] + inverse * sums[3]));
    const double most = std::isnan(hyper.max_speed) ? 2 * hyper.lr : hyper.max_speed;
    const double scale = speed > most ? most / speed : 1;
    kept = T(scale * hyper.momentum);
    fresh = scale * hyper.lr * inverse;
  }

  TC_HD void operator()(T& p, T g, T* state) const {
    const T velocity = state[0] = kept * state[0] + T(fresh * double(gradient(p, g)));
    p -= velocity;
  }
};

}  // namespace tc::optim
