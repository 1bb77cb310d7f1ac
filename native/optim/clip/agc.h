// Adaptive gradient clipping (Brock, De, Smith & Simonyan 2021): a gradient's norm is compared with that of its
// weights.
#pragma once

#include "optim/clip/base.h"

namespace tc::optim {

struct AgcClip : ClipperBase {
  static constexpr const char* kName = "agc";
  static constexpr std::array<const char*, 2> kOptions = {"clipping", "eps"};
  static constexpr bool kWeights = true;
  static constexpr bool kUnitwise = true;

  double clipping, eps;

  explicit AgcClip(const double* options) : clipping(options[0]), eps(options[1]) {}

  double order() const { return 2; }

  TC_HD Decision operator()(const Seen& seen, UnitMemory) const {
    const double weight = seen.weight_norm <= eps ? eps : seen.weight_norm;
    return scale_to(clipping * seen.level * weight, seen.norm);
  }
};

}  // namespace tc::optim
