// For schemes that work on whole tensors and are computed outside of the engine: Gather hands out the clipped gradient,
// and Adopt takes in the new parameter, whose update can be clipped like any other rule's.
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
