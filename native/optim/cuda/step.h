// One step, all of it on the current streams of its devices.
#pragma once

#include <optional>

#include "optim/cuda/site.h"
#include "optim/driver.h"

namespace tc::optim::cuda {

// The clipper that decides about units in one visit; none if a decision depends on other units.
std::optional<UnitClip> visitor_of(const State& state);

// Residence::send must have been called.
Taken take_step(Residence& residence, State& state, const Request& request);

}  // namespace tc::optim::cuda
