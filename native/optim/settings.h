// What an optimizer was told beside its groups, and what a driver reports of a step.
#pragma once

#include "optim/clip/table.h"

namespace tc::optim {

// What to do with a gradient that holds NaN or inf.
enum class Policy { kPropagate, kSkip, kZero, kError };

enum class Outcome {
  kStepped,
  kSkipped,
  kTooManySkips,  // skipped, and more often in a row than is allowed
  kNonfinite      // refused by Policy::kError; nothing moved
};

struct Settings {
  Clipper clipper{std::in_place_type<NoClip>, nullptr};
  Scope scope = Scope::kGlobal;
  Policy policy = Policy::kPropagate;
  int64_t max_consecutive_skips = 0;
  bool write_back = false;
};

struct Counters {
  int64_t skipped = 0;
  int64_t consecutive = 0;  // since the last step that was taken
};

}  // namespace tc::optim
