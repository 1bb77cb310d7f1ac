// The settings of an optimizer besides its groups, and the outcome of a step.
#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "optim/clip/philox.h"
#include "optim/clip/table.h"

namespace tc::optim {

// What to do about gradients that hold NaN or inf.
enum class Policy { kPropagate, kSkip, kZero, kError };
inline constexpr std::array kPolicies = {"propagate", "skip", "zero", "error"};
static_assert(kPolicies.size() == size_t(Policy::kError) + 1);

enum class Outcome {
  kStepped,
  kSkipped,
  kTooManySkips,  // skipped, and too many in a row
  kNonfinite      // refused by Policy::kError; nothing changed
};
inline constexpr std::array kOutcomes = {"stepped", "skipped", "tooManySkips", "nonFinite"};
static_assert(kOutcomes.size() == size_t(Outcome::kNonfinite) + 1);

// A clipper that would scale by c does so with probability beta^(c^power) only; power 0: always.
struct Coin {
  double beta = 0;
  int power = 0;
  uint64_t seed = 0;

  // Whether toss number `flip` leaves the unit unclipped. NaN is never left to chance.
  TC_HD bool spares(double c, int64_t flip, int32_t unit) const {
    return power > 0 && c < 1 && philox(seed, uint64_t(flip), uint32_t(unit)) >= std::pow(beta, power == 1 ? c : c * c);
  }
};

// One clipper and how it is applied.
struct Stage {
  Clipper clipper;
  Scope scope = Scope::kGlobal;
  Placement placement = Placement::kGradient;
  Coin coin;
  int64_t tap = 0;  // the number of recent norms kept for the user

  explicit Stage(Clipper c) : clipper(std::move(c)) {}
};

struct Settings {
  std::vector<Stage> stages;  // those of gradients come first
  Policy policy = Policy::kPropagate;
  int64_t max_consecutive_skips = 0;
  bool write_back = false;
};

struct Counters {
  int64_t skipped = 0;
  int64_t consecutive = 0;  // skipped since the last step that was taken
};

}  // namespace tc::optim
