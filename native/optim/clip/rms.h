// Clipping each block by its root mean square, as optax.clip_by_block_rms.
#pragma once

#include "optim/clip/base.h"

namespace tc::optim {

struct RmsClip : ClipperBase {
  static constexpr const char* kName = "rms";
  static constexpr std::array<const char*, 1> kOptions = {"threshold"};

  double threshold;

  explicit RmsClip(const double* options) : threshold(options[0]) {}

  double order() const { return 2; }

  TC_HD Decision operator()(const Seen& seen, UnitMemory) const {
    return scale_to(threshold * seen.level, seen.norm / std::sqrt(double(seen.numel)));
  }
};

}  // namespace tc::optim
