// What a decision about one unit leaves behind.
#pragma once

#include "optim/cuda/kernels/launch.h"

namespace tc::optim::cuda {

// Applies toss number `flip` of the stage's coin; returns whether the unit is clipped.
__device__ inline bool keep_decision(const Verdict& v, int u, const Decision& decision, int64_t flip) {
  v.plan.thresholds[u] = decision.threshold;
  v.plan.coefficients[u] = v.coin.spares(decision.coefficient, flip, u) ? 1 : decision.coefficient;
  return v.plan.coefficients[u] != 1;
}

}  // namespace tc::optim::cuda
