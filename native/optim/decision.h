// What a stage's clipper decides about the units of its plan, on the host.
#pragma once

#include <vector>

#include "optim/plan.h"
#include "optim/stage_memory.h"

namespace tc::optim {

// Fills in the plan's coefficients, limits and thresholds from its norms, and updates the stage memory. Units without
// elements are skipped.
void decide(const Stage& stage, StageMemory& memory, Plan& plan);
// The same with the caller's coefficients.
void decide(const Stage& stage, StageMemory& memory, Plan& plan, const std::vector<double>& coefficients);

// The same in parts, for a stage without a tap whose clipper does not look at the total: `open` first, then
// `decide_units` for ranges of units, on any threads, then `close` with the sum of their tallies.
struct Tally {
  int64_t decisions = 0;
  int64_t clipped = 0;
};
void open(const Stage& stage, StageMemory& memory, const Plan& plan);
Tally decide_units(const Stage& stage, StageMemory& memory, Plan& plan, size_t first, size_t last);
void close(const Stage& stage, StageMemory& memory, const Tally& tally);

}  // namespace tc::optim
