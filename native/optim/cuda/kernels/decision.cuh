// What a decision about one unit leaves behind.
#pragma once

#include "optim/clip/philox.h"
#include "optim/cuda/kernels/launch.h"

namespace tc::optim::cuda {

// The `flip`th of the stage's coin may let the unit go; whether it is clipped.
__device__ inline bool keep_decision(const Verdict& v, int u, const Decision& decision, int64_t flip) {
  const double c = decision.coefficient;
  const bool spared =
      v.coin.power > 0 && c < 1 &&
      philox(v.coin.seed, uint64_t(flip), uint32_t(u)) >= pow(v.coin.beta, v.coin.power == 1 ? c : c * c);
  v.plan.thresholds[u] = decision.threshold;
  v.plan.coefficients[u] = spared ? 1 : c;
  return v.plan.coefficients[u] != 1;
}

}  // namespace tc::optim::cuda
