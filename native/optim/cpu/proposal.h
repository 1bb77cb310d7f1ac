// The kernels for clippers that look at the update instead of the gradient. They are compiled once, for no instruction
// set in particular, as the passes around them cost more.
#pragma once

#include "optim/cpu/kernels.h"

namespace tc::optim::cpu::proposal {

// By the rule and the parameter's dtype.
struct Kernels {
  // Write (p - p') / lr to Item::update, in the arithmetic's type, and change nothing else.
  ByDtype<Kernel> propose[Rules::kCount];
  // Update the state by Item::source, and the parameter by the clipped Item::grad.
  ByDtype<Kernel> settle[Rules::kCount];
};
extern const Kernels kernels;

}  // namespace tc::optim::cpu::proposal
