// A plan cuts a list of gradients into chunks and keeps what the passes over them share.
#pragma once

#include <functional>
#include <vector>

#include "optim/pass.h"

namespace tc::optim {

class Peers;
class Shares;

// The overhead of visiting a chunk, measured in elements.
inline constexpr int64_t kOverhead = 64;

// Chunks that follow one another.
struct Run {
  int64_t first, last;
};

// Is told how many items, the first ones of a plan, have their new values, as far as they belong to this process.
using Updated = std::function<void(size_t items)>;

struct Plan {
  // Cuts the items into chunks and forgets the previous ones. The items' units must not decrease.
  void build(std::vector<Item> items, int64_t units);
  // From here on only the chunks of this process are visited.
  void share(const Shares& shares, Peers& peers);
  // Fills in what the other processes have found of their chunks: `each` bytes per chunk.
  void exchange(void* found, size_t each) const;
  // Whether the unit has any elements.
  bool present(size_t u) const { return unit[u + 1] > unit[u]; }

  std::vector<Item> items;
  int64_t largest = 0;  // reals in the largest unit
  std::vector<Chunk> chunks;
  std::vector<int64_t> cost;  // running totals, before each chunk and after the last, by which threads share the work
  std::vector<int64_t> unit;  // the first chunk of each unit, then the number of chunks
  std::vector<Partial> partials;
  std::vector<Run> visited;             // of the chunks: all, unless they are shared
  Peers* peers = nullptr;               // null: not shared
  std::vector<std::vector<Run>> owned;  // if shared: the chunks of each process
  // One per unit:
  std::vector<double> norms, weight_norms, coefficients, limits, thresholds;
  std::vector<double> levels;  // the rule's factors of the clipper's level
  std::vector<int64_t> numel;
  // kMaxMoments per chunk and per item, and the number of elements that each item's are sums over.
  std::vector<double> terms, moments;
  std::vector<int64_t> counts;
};

}  // namespace tc::optim
