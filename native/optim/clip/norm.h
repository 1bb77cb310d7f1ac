// Clipping by a p-norm (Pascanu, Mikolov & Bengio 2013), with torch.nn.utils.clip_grad_norm_'s coefficient.
#pragma once

#include <array>

#include "optim/element.h"

namespace tc::optim {

struct NormClip {
  static constexpr const char* kName = "norm";
  static constexpr std::array<const char*, 2> kOptions = {"maxNorm", "normType"};

  double max_norm, norm_type;

  explicit NormClip(const double* options) : max_norm(options[0]), norm_type(options[1]) {}

  double order() const { return norm_type; }
  double limit() const { return std::numeric_limits<double>::infinity(); }

  TC_HD double operator()(double norm) const {
    const double coefficient = max_norm / (norm + 1e-6);
    return coefficient >= 1 ? 1 : coefficient;
  }
};

}  // namespace tc::optim
