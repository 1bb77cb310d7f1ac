// What an optimizer reports about its clipping.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "optim/settings.h"

namespace tc::optim {

struct State;

// Of one stage, as new tensors on the driver's device.
struct Stats {
  // The last step's norms before clipping, coefficients and thresholds, fp64: one per unit of the scope, without a
  // dimension for the global scope. The norm is NaN if none was needed; the coefficient of a skipped step is 0.
  at::Tensor norm, coefficient, threshold;
  at::Tensor clipped;  // the fraction of decisions so far that changed the gradient, fp64
  at::Tensor tap;      // the last total norms, fp64, oldest first
  at::Tensor taps;     // if defined, `tap` is a ring buffer, and this counts all norms ever written to it, int64
  at::Tensor skipped;  // the number of skipped steps, int64
};

// From the host's copy of the state.
Stats stats_of(const State& state, size_t stage);

// The scope of a stage; without stages, that of the test for non-finite gradients.
Scope scope_of(const Settings& settings, size_t stage);

}  // namespace tc::optim
