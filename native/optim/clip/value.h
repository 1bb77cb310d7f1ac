// Clamping every gradient element to [-limit, limit], as torch.nn.utils.clip_grad_value_.
#pragma once

#include <array>

#include "optim/element.h"

namespace tc::optim {

struct ValueClip {
  static constexpr const char* kName = "value";
  static constexpr std::array<const char*, 1> kOptions = {"limit"};

  double bound;

  explicit ValueClip(const double* options) : bound(options[0]) {}

  double order() const { return kNoStatistic; }
  double limit() const { return bound; }

  TC_HD double operator()(double) const { return 1; }
};

}  // namespace tc::optim
