#include "optim/plan.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "optim/peers.h"
#include "optim/shares.h"

namespace tc::optim {

void Plan::build(std::vector<Item> list, int64_t units) {
  items = std::move(list);
  chunks.clear();
  cost.assign(1, 0);
  unit.clear();
  numel.assign(size_t(units), 0);
  for (size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    const int64_t length = item.numel / item.rows;
    for (int64_t row = 0; row < item.rows; ++row) {
      const size_t u = size_t(item.unit + row);
      unit.resize(std::max(unit.size(), u + 1), int64_t(chunks.size()));
      numel[u] += length / item.width;
      for (int64_t begin = 0; begin < length; begin += kChunk) {
        const int64_t part = std::min(kChunk, length - begin);
        chunks.push_back({row * length + begin, int32_t(i), int32_t(part), int32_t(u)});
        cost.push_back(cost.back() + part + kOverhead);
      }
    }
  }
  unit.resize(size_t(units) + 1, int64_t(chunks.size()));
  largest = 0;
  for (size_t u = 0; u < size_t(units); ++u) {
    const int64_t reals = cost[size_t(unit[u + 1])] - cost[size_t(unit[u])] - kOverhead * (unit[u + 1] - unit[u]);
    largest = std::max(largest, reals);
  }
  partials.resize(chunks.size());
  visited = {{0, int64_t(chunks.size())}};
  peers = nullptr;
  norms.assign(size_t(units), 0);
  weight_norms.assign(size_t(units), 0);
  coefficients.assign(size_t(units), 1);
  levels.assign(size_t(units), 1);
  limits.assign(size_t(units), std::numeric_limits<double>::infinity());
  thresholds.assign(size_t(units), std::numeric_limits<double>::quiet_NaN());
}

void Plan::share(const Shares& shares, Peers& with) {
  peers = &with;
  owned.assign(size_t(with.size()), {});
  for (size_t c = 0; c < chunks.size(); ++c) {
    const int owner = shares.owner(size_t(items[size_t(chunks[c].item)].parameter), chunks[c].begin);
    std::vector<Run>& runs = owned[size_t(owner)];
    if (runs.empty() || runs.back().last != int64_t(c)) runs.push_back({int64_t(c), int64_t(c)});
    ++runs.back().last;
  }
  visited = owned[size_t(with.rank())];
}

void Plan::exchange(void* found, size_t each) const {
  if (peers == nullptr) return;
  Parts parts(owned.size());
  for (size_t r = 0; r < parts.size(); ++r) {
    for (const Run& run : owned[r]) {
      parts[r].push_back(
          {static_cast<char*>(found) + run.first * int64_t(each), (run.last - run.first) * int64_t(each)});
    }
  }
  peers->gather(parts);
}

}  // namespace tc::optim
