#include "optim/stage_memory.h"

#include <algorithm>

namespace tc::optim {

History& History::operator=(const History& other) {
  percentile_ = other.percentile_;
  values_ = other.values_;
  cells_ = other.cells_;
  percentile_.use(values_.data(), cells_.data(), int64_t(values_.size()));
  return *this;
}

Percentile& History::reserve(int64_t window) {
  const int64_t count = percentile_.count();
  if (count == int64_t(values_.size()) && (window == 0 || count < window)) {
    int64_t capacity = std::max<int64_t>(16, 2 * count);
    if (window > 0) capacity = std::min(capacity, window);
    values_.resize(size_t(capacity));
    cells_.resize(size_t(capacity));
    percentile_.use(values_.data(), cells_.data(), capacity);
  }
  return percentile_;
}

std::vector<double> History::values() const {
  std::vector<double> out(size_t(percentile_.count()));
  for (size_t i = 0; i < out.size(); ++i) out[i] = percentile_[int64_t(i)];
  return out;
}

void History::load(const std::vector<double>& values, int64_t window, double quantile) {
  *this = History();
  for (const double value : values) reserve(window).add(value, quantile);
}

}  // namespace tc::optim
