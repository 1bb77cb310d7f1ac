// ZClip (Kumar, Owen, Chowdhury & Güra 2025): a norm is clipped by its z-score among the norms so far.
#pragma once

#include "optim/clip/base.h"

namespace tc::optim {

struct ZscoreClip : ClipperBase {
  static constexpr const char* kName = "zscore";
  static constexpr std::array<const char*, 3> kOptions = {"zThreshold", "alpha", "warmup"};
  // During the warm-up `variance` is a sum of squared deviations.
  static constexpr std::array<const char*, 3> kNumbers = {"count", "mean", "variance"};

  double z_threshold, alpha, warmup;

  explicit ZscoreClip(const double* options) : z_threshold(options[0]), alpha(options[1]), warmup(options[2]) {}

  double order() const { return 2; }

  TC_HD Decision operator()(const Seen& seen, UnitMemory memory) const {
    const double norm = seen.norm;
    // A norm of 0 carries no scale.
    if (norm == 0) return {};
    if (!finite(norm)) return {norm != norm ? norm : finite(z_threshold) ? 0 : 1};
    double& count = memory.numbers[0];
    double& mean = memory.numbers[1];
    double& variance = memory.numbers[2];
    if (count < warmup) {
      const double off = norm - mean;
      mean += off / ++count;
      variance += off * (norm - mean);
      if (count == warmup) variance /= count;
      return {};
    }
    const double deviation = std::sqrt(variance);
    const double z = (norm - mean) / (deviation + 1e-6);
    const Decision decision =
        z > z_threshold ? scale_to(mean + z_threshold * deviation * z_threshold / z, norm) : Decision{};
    const double clipped = norm * decision.coefficient;
    mean = alpha * mean + (1 - alpha) * clipped;
    variance = alpha * variance + (1 - alpha) * (clipped - mean) * (clipped - mean);
    return decision;
  }
};

}  // namespace tc::optim
