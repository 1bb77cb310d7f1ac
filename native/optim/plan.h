// A plan cuts a list of gradients into chunks and keeps what the passes over them share.
#pragma once

#include <vector>

#include "optim/pass.h"

namespace tc::optim {

// What visiting a chunk costs beside its elements, in elements.
inline constexpr int64_t kOverhead = 64;

struct Plan {
  // Cuts the items, whose units must not decrease, and forgets the previous ones.
  void build(std::vector<Item> items, int64_t units);
  // Whether the unit has any elements.
  bool present(size_t u) const { return unit[u + 1] > unit[u]; }

  std::vector<Item> items;
  int64_t largest = 0;  // reals in the largest unit
  std::vector<Chunk> chunks;
  std::vector<int64_t> cost;  // before each chunk and after the last: shares the work between threads
  std::vector<int64_t> unit;  // the first chunk of each unit, then the number of chunks
  std::vector<Partial> partials;
  // One per unit:
  std::vector<double> norms, weight_norms, coefficients, limits, thresholds;
  std::vector<double> levels;  // what the rule multiplies the clipper's level by
  std::vector<int64_t> numel;
  // kMaxMoments an item, and of how many elements they are the sums.
  std::vector<double> terms, moments;
  std::vector<int64_t> counts;
};

}  // namespace tc::optim
