// The CPU driver: one parallel region over all chunks of a plan for each pass.
#pragma once

#include "optim/clip/table.h"
#include "optim/plan.h"

namespace tc::optim::cpu {

// Fills plan.norms with the p-norm of each unit's gradients. False when an element is not finite; with zero_nonfinite
// such elements count as 0.
bool reduce(Plan& plan, double p, bool zero_nonfinite);

// Clips every gradient on the way and updates its parameter and state; write_back also stores the clipped gradient.
void apply(const Plan& plan, const Group* groups, double limit, bool zero_nonfinite, bool write_back);

// Clips every gradient where it lies.
void clip(const Plan& plan, double limit);

}  // namespace tc::optim::cpu
