// The spike-aware clipping of SPAM (Huang et al. 2025): an element whose square exceeds `threshold` times the running
// mean of its squares is cut to that size.
#pragma once

#include "optim/clip/base.h"

namespace tc::optim {

struct SpamClip : ClipperBase {
  static constexpr const char* kName = "spam";
  static constexpr std::array<const char*, 3> kOptions = {"threshold", "beta", "resetEvery"};
  // Steps since the last reset.
  static constexpr std::array<const char*, 1> kNumbers = {"count"};
  static constexpr bool kScales = false;
  // The state is the running mean of the squares.
  static constexpr bool kElements = true;

  double threshold, beta, reset_every;

  explicit SpamClip(const double* options) : threshold(options[0]), beta(options[1]), reset_every(options[2]) {}

  TC_HD Decision operator()(const Seen&, UnitMemory memory) const {
    double& count = memory.numbers[0];
    count = count == reset_every ? 1 : count + 1;
    return {1, threshold};
  }

  // What the running mean of `count - 1` squares is divided by, since it started from zero; 0 in the first step and the
  // first after a reset, which start the mean.
  TC_HD double prepare(const double* numbers) const { return 1 - std::pow(beta, numbers[0] - 1); }

  template <class T>
  TC_HD T clip(T g, T& square, T start) const {
    if (start == 0) {
      square = T(1 - beta) * g * g;
      return g;
    }
    const T most = T(threshold) * square / start;
    if (square > 0 && g * g > most) g = g < 0 ? -std::sqrt(most) : std::sqrt(most);
    square += T(1 - beta) * (g * g - square);
    return g;
  }
};

}  // namespace tc::optim
