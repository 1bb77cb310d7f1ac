// Clamping every gradient element to [-limit, limit], as torch.nn.utils.clip_grad_value_.
#pragma once

#include "optim/clip/base.h"

namespace tc::optim {

struct ValueClip : ClipperBase {
  static constexpr const char* kName = "value";
  static constexpr std::array<const char*, 1> kOptions = {"limit"};
  static constexpr bool kScales = false;

  double bound;

  explicit ValueClip(const double* options) : bound(options[0]) {}

  TC_HD double limit() const { return bound; }

  TC_HD Decision operator()(const Seen& seen, UnitMemory) const { return {1, bound * seen.level}; }
};

}  // namespace tc::optim
