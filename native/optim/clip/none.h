// No clipping: a coefficient of 1 and no limit.
#pragma once

#include <array>

#include "optim/element.h"

namespace tc::optim {

struct NoClip {
  static constexpr const char* kName = "none";
  static constexpr std::array<const char*, 0> kOptions = {};

  explicit NoClip(const double*) {}

  double order() const { return kNoStatistic; }
  double limit() const { return std::numeric_limits<double>::infinity(); }

  TC_HD double operator()(double) const { return 1; }
};

}  // namespace tc::optim
