// AdaGC (Wang et al. 2025): each tensor's norm is compared with a running mean of its own clipped norms.
#pragma once

#include "optim/clip/base.h"

namespace tc::optim {

struct AdaGcClip : ClipperBase {
  static constexpr const char* kName = "adaGC";
  static constexpr std::array<const char*, 4> kOptions = {"relative", "absolute", "beta", "warmup"};
  static constexpr std::array<const char*, 2> kNumbers = {"count", "gamma"};
  static constexpr bool kTotal = true;

  double relative, absolute, beta, warmup;

  explicit AdaGcClip(const double* options)
      : relative(options[0]), absolute(options[1]), beta(options[2]), warmup(options[3]) {}

  double order() const { return 2; }

  // Until the warm-up ends everything is clipped by the global norm, and gamma is the smallest norm so far.
  TC_HD Decision operator()(const Seen& seen, UnitMemory memory) const {
    double& count = memory.numbers[0];
    double& gamma = memory.numbers[1];
    const bool warm = count >= warmup;
    const Decision decision = warm ? scale_to(relative * gamma, seen.norm) : scale_to(absolute, seen.total);
    if (!finite(seen.norm)) return {scale_to(decision.threshold, seen.norm).coefficient};
    const double clipped = seen.norm * decision.coefficient;
    // A norm of 0 carries no scale.
    if (!(clipped > 0)) return decision;
    if (warm) {
      gamma = beta * gamma + (1 - beta) * clipped;
    } else if (count == 0 || clipped < gamma) {
      gamma = clipped;
    }
    ++count;
    return decision;
  }
};

}  // namespace tc::optim
