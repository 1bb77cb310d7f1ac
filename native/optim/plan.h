// A plan cuts a list of gradients into chunks and keeps what the passes over them share.
#pragma once

#include <vector>

#include "optim/pass.h"

namespace tc::optim {

class Plan {
 public:
  // Cuts the items, whose units must not decrease, and forgets the previous ones.
  void build(std::vector<Item> items, int64_t units);

  std::vector<Item> items;
  std::vector<Chunk> chunks;
  std::vector<int64_t> cost;  // before each chunk and after the last: shares the work between threads
  std::vector<int64_t> unit;  // the first chunk of each unit, then the number of chunks
  std::vector<Partial> partials;
  std::vector<double> norms;         // one a unit
  std::vector<double> coefficients;  // one a unit
};

}  // namespace tc::optim
