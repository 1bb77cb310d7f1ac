// One step, all of it on the current streams of its devices.
#pragma once

#include <optional>

#include "optim/cuda/site.h"
#include "optim/driver.h"

namespace tc::optim::cuda {

// What decides about units in one visit, where nothing has to be known of all gradients before.
std::optional<UnitClip> visitor_of(const State& state);

// After Residence::send.
Taken take_step(Residence& residence, State& state, const Request& request);

}  // namespace tc::optim::cuda
