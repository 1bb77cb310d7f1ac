// What a clipper is unless it says otherwise. A clipper reads its options, names the norm that it wants to see and the
// limit of an element, and maps what is seen of each unit of its scope to a coefficient. The drivers know a clipper by
// the capabilities below alone, never by its type.
#pragma once

#include <array>

#include "optim/clip/stage.h"

namespace tc::optim {

struct ClipperBase {
  // The names of the numbers that it remembers of each unit.
  static constexpr std::array<const char*, 0> kNumbers = {};
  // Remembers the norms of each unit: all of them, or the last window(), of which it asks for the quantile().
  static constexpr bool kHistory = false;
  // Looks at Seen::weight_norm.
  static constexpr bool kWeights = false;
  // Looks at Seen::total, so all units must be measured before the first decision.
  static constexpr bool kTotal = false;
  // Multiplies by coefficients, which a coin may spare, instead of limiting elements.
  static constexpr bool kScales = true;
  // The option that is added to the norm as slack, which a stochastic clipper does without; "": none.
  static constexpr const char* kSlack = "";
  // Clips element by element, with a state tensor of its own for each parameter:
  //   double prepare(const double* numbers) const, computed from the unit's numbers after the decision;
  //   T clip<T>(T g, T& state, T prepared) const, which returns the clipped element.
  static constexpr bool kElements = false;
  // The caller chooses the coefficients; operator() is never called.
  static constexpr bool kAsksHost = false;
  // On CUDA, units of one chunk are measured, decided about and updated in one kernel. That kernel has the code of all
  // such clippers, so each costs registers; they remember nothing and limit no element.
  static constexpr bool kUnitwise = false;

  double order() const { return kNoStatistic; }
  TC_HD double limit() const { return std::numeric_limits<double>::infinity(); }
  // How many norms the history holds; 0: all.
  int64_t window() const { return 0; }
  double quantile() const { return 0; }
  // Whether no option can lead outside of an array.
  bool safe() const { return true; }

  TC_HD Decision operator()(const Seen&, UnitMemory) const { return {}; }
};

}  // namespace tc::optim
