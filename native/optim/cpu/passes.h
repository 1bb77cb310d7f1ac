// The CPU driver: one parallel region over all chunks of a plan for each pass.
#pragma once

#include <functional>
#include <memory>

#include "optim/plan.h"
#include "optim/settings.h"

namespace tc::optim {
class Driver;
}

namespace tc::optim::cpu {

std::unique_ptr<Driver> make_driver();

// Fills plan.norms with the p-norm of each unit's gradients. Returns false if an element is not finite, unless such
// elements count as 0.
bool reduce(Plan& plan, double p, const Intake& intake);
// Fills plan.weight_norms with the 2-norm of each unit's parameters.
void reduce_parameters(Plan& plan);

// Clips every gradient into Item::out, by plan.coefficients and plan.limits.
void clip(const Plan& plan, const Intake& intake);
// The same by a clipper that acts on elements, whose state is Item::state[0]; `numbers` are those of each unit.
void clip_elements(const Plan& plan, const Intake& intake, const Clipper& clipper, const double* numbers);

// Advances the step count and the scalars of every parameter.
void advance(Plan& plan, const Group* groups);
// Clips every gradient on the way and updates its parameter and state; write_back also stores it, clipped, in
// Item::out. `updated`, if any, is told of each run of chunks how many items are done then.
void update(Plan& plan, const Group* groups, const Intake& intake, bool write_back, const Updated& updated);
// Does the work of `reduce`, `reduce_parameters`, a decision and `update`, a few units at a time while they are in the
// cache.
struct Visit {
  double order = kNoStatistic;                            // of the gradients' norms, unless these are known
  bool weights = false;                                   // whether the parameters' are needed
  std::function<void(size_t first, size_t last)> decide;  // decides about a range of units; called by several threads
};
void update_by_units(Plan& plan, const Group* groups, const Intake& intake, bool write_back, const Visit& visit);
// Writes to Item::update what `update` would do, divided by the learning rate, and changes nothing else.
void propose(Plan& plan, const Group* groups, const Intake& intake);
// Applies `updates`, whose gradients are proposals, clipping them on the way. They were made from `gradients` with
// `intake`.
void settle(const Plan& updates, const Plan& gradients, const Group* groups, const Intake& intake,
            const Updated& updated);

}  // namespace tc::optim::cpu
