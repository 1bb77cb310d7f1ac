// What a stage remembers from step to step.
#pragma once

#include <deque>
#include <vector>

#include "optim/plan.h"
#include "optim/settings.h"

namespace tc::optim {

// Owns the arrays of a Percentile.
class History {
 public:
  History() = default;
  History(const History& other) { *this = other; }
  History& operator=(const History& other);

  // With room for one more value, unless it holds `window` of them; 0: no limit.
  Percentile& reserve(int64_t window);
  // Oldest first.
  std::vector<double> values() const;
  void load(const std::vector<double>& values, int64_t window, double quantile);

 private:
  Percentile percentile_;
  std::vector<double> values_;
  std::vector<Percentile::Place> places_;
};

struct StageMemory {
  int64_t flips = 0;               // of the coin: one a step that was taken
  int64_t decisions = 0;           // one a unit and step
  int64_t clipped = 0;             // decisions for a coefficient other than 1
  std::vector<double> numbers;     // of each unit, as many as the clipper's kNumbers
  std::vector<History> histories;  // one a unit
  std::deque<double> tap;          // the last total norms, oldest first
};

// Fills the plan's coefficients, limits and thresholds from its norms and moves the memory on. A unit without elements
// is left alone.
void decide(const Stage& stage, StageMemory& memory, Plan& plan);
// The same with coefficients that the caller chose.
void decide(const Stage& stage, StageMemory& memory, Plan& plan, const std::vector<double>& coefficients);

// The same bit by bit, for a stage that keeps no tap and a clipper that does not look at the total: first `open`, then
// ranges of units, on any threads, then `close` with what these counted.
struct Tally {
  int64_t decisions = 0;
  int64_t clipped = 0;
};
void open(const Stage& stage, StageMemory& memory, const Plan& plan);
Tally decide_units(const Stage& stage, StageMemory& memory, Plan& plan, size_t first, size_t last);
void close(const Stage& stage, StageMemory& memory, const Tally& tally);

}  // namespace tc::optim
