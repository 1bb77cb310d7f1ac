// Clipping by a p-norm (Pascanu, Mikolov & Bengio 2013); with eps = 1e-6 the coefficient of
// torch.nn.utils.clip_grad_norm_.
#pragma once

#include "optim/clip/base.h"

namespace tc::optim {

struct NormClip : ClipperBase {
  static constexpr const char* kName = "norm";
  static constexpr std::array<const char*, 3> kOptions = {"maxNorm", "normType", "eps"};
  static constexpr const char* kSlack = "eps";
  static constexpr bool kUnitwise = true;

  double max_norm, norm_type, eps;

  explicit NormClip(const double* options) : max_norm(options[0]), norm_type(options[1]), eps(options[2]) {}

  double order() const { return norm_type; }

  TC_HD Decision operator()(const Seen& seen, UnitMemory) const { return at(seen.norm, max_norm * seen.level); }

  TC_HD Decision at(double norm, double level) const {
    // An infinite level leaves an infinite norm alone.
    if (eps == 0 || !finite(level)) return scale_to(level, norm);
    const double coefficient = level / (norm + eps);
    return {coefficient >= 1 ? 1 : coefficient, level};
  }
};

}  // namespace tc::optim
