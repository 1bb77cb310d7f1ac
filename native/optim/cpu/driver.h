// The CPU driver: one parallel region over all chunks of a plan for each pass.
#pragma once

#include "optim/plan.h"
#include "optim/settings.h"

namespace tc::optim::cpu {

// Fills plan.norms with the p-norm of each unit's gradients. False when an element is not finite; with zero_nonfinite
// such elements count as 0.
bool reduce(Plan& plan, double p, bool zero_nonfinite);

// Clips every gradient where it lies, by plan.coefficients and the limit.
void clip(const Plan& plan, double limit);

// Takes a step: norms, the decision, and the update of parameters, state and step counts; all or nothing.
Outcome step(Plan& plan, const Group* groups, Settings& settings, Counters& counters);

}  // namespace tc::optim::cpu
