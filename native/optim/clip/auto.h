// AutoClip (Seetharaman, Wichern, Pardo & Le Roux 2020): the level is a percentile of the norms seen so far.
#pragma once

#include "optim/clip/base.h"

namespace tc::optim {

struct AutoClip : ClipperBase {
  static constexpr const char* kName = "auto";
  static constexpr std::array<const char*, 3> kOptions = {"percentile", "window", "normType"};
  static constexpr bool kHistory = true;

  double share, norm_type;
  int64_t length;

  explicit AutoClip(const double* options)
      : share(options[0] / 100), norm_type(options[2]), length(whole(options[1]) ? int64_t(options[1]) : -1) {}

  double order() const { return norm_type; }
  int64_t window() const { return length; }
  double quantile() const { return share; }
  bool safe() const { return share > 0 && share <= 1 && length >= 0; }

  // The history includes the current norm.
  TC_HD Decision operator()(const Seen& seen, UnitMemory memory) const {
    // A norm of 0 carries no scale.
    if (seen.norm == 0) return {};
    if (!finite(seen.norm)) return {seen.norm != seen.norm ? seen.norm : 0};
    return scale_to(memory.history->add(seen.norm, share), seen.norm);
  }

 private:
  static bool whole(double x) { return x >= 0 && x < 0x1p53; }
};

}  // namespace tc::optim
