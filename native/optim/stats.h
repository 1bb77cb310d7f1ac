// What an optimizer reports about its clipping.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "optim/settings.h"

namespace tc::optim {

struct State;

// The statistics of one stage: new tensors on the driver's device.
struct Stats {
  // The last step's norms before clipping, coefficients and thresholds in fp64, one per unit of the scope, without a
  // dimension for the global scope. The norm is NaN where none was needed; the coefficient of a skipped step is 0.
  at::Tensor norm, coefficient, threshold;
  at::Tensor clipped;  // the share of decisions so far that changed something, fp64
  at::Tensor tap;      // the last total norms, fp64, oldest first
  at::Tensor taps;     // where it is defined, `tap` is a ring into which so many have been written, int64
  at::Tensor skipped;  // how many steps were skipped, int64
};

// From the host's copy of the state.
Stats stats_of(const State& state, size_t stage);

// The scope of a stage, or, without any, of the test for what is not finite.
Scope scope_of(const Settings& settings, size_t stage);

}  // namespace tc::optim
