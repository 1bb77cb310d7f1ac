// For schemes that look at whole tensors, which are computed outside of the engine: Gather hands the clipped gradient
// out, Adopt takes the new parameter in, and leaves it to clippers of the update as any other rule does.
#pragma once

#include "optim/element.h"

namespace tc::optim {

struct TensorLevelHyper {
  double lr;
};

template <class T>
struct Gather {
  static constexpr const char* kName = "gather";
  using Hyper = TensorLevelHyper;
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr}};
  static constexpr Slots kSlots{1, {"value"}};
  static constexpr bool kStoresStep = false;

  TC_HD Gather(const Hyper&, int64_t) {}

  TC_HD void operator()(T&, T g, T* state) const { state[0] = g; }
};

template <class T>
struct Adopt {
  static constexpr const char* kName = "adopt";
  using Hyper = TensorLevelHyper;
  static constexpr Field kHyper[] = {{"lr", &Hyper::lr}};
  static constexpr Slots kSlots{1, {"value"}};
  static constexpr bool kStoresStep = false;

  TC_HD Adopt(const Hyper&, int64_t) {}

  TC_HD void operator()(T& p, T, T* state) const { p = state[0]; }
};

}  // namespace tc::optim
