// RMSprop (Tieleman & Hinton 2012; centered: Graves 2013), as torch.optim.RMSprop.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T, bool kCentered, bool kMomentum>
struct RmspropRule {
  static constexpr const char* kName = kCentered ? (kMomentum ? "rmspropCenteredMomentum" : "rmspropCentered")
                                                 : (kMomentum ? "rmspropMomentum" : "rmsprop");
  struct Hyper {
    double lr, alpha, eps, weight_decay, momentum;
  };
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr},
                                     {"alpha", &Hyper::alpha},
                                     {"eps", &Hyper::eps},
                                     {"weightDecay", &Hyper::weight_decay},
                                     {"momentum", &Hyper::momentum}};
  static constexpr Slot kGradAvg{"grad_avg", Start::kZero, 2};
  static constexpr Slots kSlots{1 + kMomentum + kCentered,
                                {"square_avg", kMomentum ? Slot("momentum_buffer") : kGradAvg, kGradAvg}};
  static constexpr bool kStoresStep = true;

  T lr, weight, eps, weight_decay, momentum;

  TC_HD RmspropRule(const Hyper& h, int64_t)
      : lr(h.lr), weight(1 - h.alpha), eps(above_zero<T>(h.eps)), weight_decay(h.weight_decay), momentum(h.momentum) {}

  TC_HD void operator()(T& p, T g, T* state) const {
    g = weight_decay == 0 ? g : g + weight_decay * p;
    T square = state[0] = toward_square(state[0], weight, g);
    if constexpr (kCentered) {
      T& mean = state[1 + kMomentum];
      mean += weight * (g - mean);
      // Rounding may leave a variance of 0 below 0. One that has overflowed stays infinite, where mean * mean may be
      // so, too.
      const T variance = square - mean * mean;
      square = !finite(square) ? square : variance < 0 ? T(0) : variance;
    }
    T direction = g / (std::sqrt(square) + eps);
    if constexpr (kMomentum) direction = state[1] = momentum * state[1] + direction;
    p -= lr * direction;
  }
};

template <class T>
using Rmsprop = RmspropRule<T, false, false>;
template <class T>
using RmspropMomentum = RmspropRule<T, false, true>;
template <class T>
using RmspropCentered = RmspropRule<T, true, false>;
template <class T>
using RmspropCenteredMomentum = RmspropRule<T, true, true>;

}  // namespace tc::optim
