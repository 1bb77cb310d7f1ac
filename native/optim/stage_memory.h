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

  // Makes room for one more value, unless there are `window` already; 0: no limit.
  Percentile& reserve(int64_t window);
  // Oldest first.
  std::vector<double> values() const;
  void load(const std::vector<double>& values, int64_t window, double quantile);
  const Percentile& percentile() const { return percentile_; }
  const std::vector<double>& memory() const { return values_; }
  const std::vector<Percentile::Cell>& cells() const { return cells_; }

 private:
  Percentile percentile_;
  std::vector<double> values_;
  std::vector<Percentile::Cell> cells_;
};

struct StageMemory {
  int64_t flips = 0;               // of the coin: one per step taken
  int64_t decisions = 0;           // one per unit and step taken
  int64_t clipped = 0;             // decisions with a coefficient other than 1
  std::vector<double> numbers;     // the clipper's kNumbers of each unit
  std::vector<History> histories;  // one per unit
  std::deque<double> tap;          // the last total norms, oldest first
};

}  // namespace tc::optim
