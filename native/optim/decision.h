// What a stage's clipper decides about the units of its plan, on the host.
#pragma once

#include <vector>

#include "optim/memory.h"
#include "optim/plan.h"

namespace tc::optim {

// Fills the plan's coefficients, limits and thresholds from its norms and moves the memory on. A unit without elements
// is left alone.
void decide(const Stage& stage, StageMemory& memory, Plan& plan);
// The same with coefficients that the caller chose.
void decide(const Stage& stage, StageMemory& memory, Plan& plan, const std::vector<double>& coefficients);

// The same bit by bit, for a stage that keeps no tap and a clipper that does not look at the total: first `open`, then
// ranges of units, on any threads, then `close` with what these counted.
struct Tally {
  int64_t decisions = 0;
  int64_t clipped = 0;
};
void open(const Stage& stage, StageMemory& memory, const Plan& plan);
Tally decide_units(const Stage& stage, StageMemory& memory, Plan& plan, size_t first, size_t last);
void close(const Stage& stage, StageMemory& memory, const Tally& tally);

}  // namespace tc::optim
