// What every clipper is told, what it answers, and what it remembers.
#pragma once

#include <array>
#include <cstddef>

#include "optim/clip/percentile.h"

namespace tc::optim {

// What one norm and one coefficient are taken over. A row is a slice of a tensor's first dimension.
enum class Scope { kGlobal, kGroup, kTensor, kRow };
inline constexpr std::array kScopes = {"global", "group", "tensor", "row"};
static_assert(kScopes.size() == size_t(Scope::kRow) + 1);

// Whether a clipper looks at the gradient, before any state sees it, or at the update (p - p') / lr.
enum class Placement { kGradient, kUpdate };
inline constexpr std::array kPlacements = {"gradient", "update"};
static_assert(kPlacements.size() == size_t(Placement::kUpdate) + 1);

// What a clipper is told about a unit.
struct Seen {
  double norm = 0;         // of the order that it asks for
  double weight_norm = 0;  // the parameters' 2-norm, if it asks for it
  double total = 0;        // the 2-norm of all units' norms
  int64_t numel = 0;
  double level = 1;  // the rule's factor of the level
};

// Its answer: `threshold` is the level that the norm was compared with.
struct Decision {
  double coefficient = 1;
  double threshold = std::numeric_limits<double>::quiet_NaN();
};

// What it remembers of a unit: the numbers that its kNumbers names, initially zeros, and, with kHistory, the norms so
// far.
struct UnitMemory {
  double* numbers;
  Percentile* history;
};

// min(1, level / norm). NaN stays NaN; 0 / 0 counts as 1.
TC_HD Decision scale_to(double level, double norm) {
  const double coefficient = level / norm;
  return {norm <= level || coefficient >= 1 ? 1 : coefficient, level};
}

}  // namespace tc::optim
