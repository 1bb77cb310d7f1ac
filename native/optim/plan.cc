#include "optim/plan.h"

#include <algorithm>
#include <utility>

namespace tc::optim {

// What visiting a chunk costs beside its elements, in elements.
constexpr int64_t kOverhead = 64;

void Plan::build(std::vector<Item> list, int64_t units) {
  items = std::move(list);
  chunks.clear();
  cost.assign(1, 0);
  unit.clear();
  for (size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    unit.resize(std::max(unit.size(), size_t(item.unit) + 1), int64_t(chunks.size()));
    for (int64_t begin = 0; begin < item.numel; begin += kChunk) {
      const int64_t length = std::min(kChunk, item.numel - begin);
      chunks.push_back({begin, int32_t(i), int32_t(length)});
      cost.push_back(cost.back() + length + kOverhead);
    }
  }
  unit.resize(size_t(units) + 1, int64_t(chunks.size()));
  partials.resize(chunks.size());
  norms.assign(size_t(units), 0);
  coefficients.assign(size_t(units), 1);
}

}  // namespace tc::optim
