// A user's own clipper: the engine measures, and the caller maps the norms to coefficients.
#pragma once

#include "optim/clip/base.h"

namespace tc::optim {

struct CustomClip : ClipperBase {
  static constexpr const char* kName = "custom";
  static constexpr std::array<const char*, 1> kOptions = {"normType"};
  static constexpr bool kAsksHost = true;

  double norm_type;

  explicit CustomClip(const double* options) : norm_type(options[0]) {}

  double order() const { return norm_type; }
};

}  // namespace tc::optim
