// What a clipper is unless it says otherwise. A clipper is told its options, names the norm it wants to see and the
// limit of an element, and maps what is seen of each unit of its scope to a coefficient.
#pragma once

#include <array>

#include "optim/clip/stage.h"

namespace tc::optim {

struct ClipperBase {
  static constexpr std::array<const char*, 0> kNumbers = {};
  static constexpr bool kHistory = false;
  static constexpr bool kWeights = false;
  // Whether it looks at Seen::total, so that all units must be measured before the first is decided about.
  static constexpr bool kTotal = false;

  double order() const { return kNoStatistic; }
  TC_HD double limit() const { return std::numeric_limits<double>::infinity(); }
  // How many norms the history holds; 0 for all.
  int64_t window() const { return 0; }
};

}  // namespace tc::optim
