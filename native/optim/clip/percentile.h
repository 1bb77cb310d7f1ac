// The exact percentile of a growing or sliding history in O(log n): a heap of the smallest and one of the largest
// values, which meet where the percentile lies. Plain arrays, so that a device can keep one.
#pragma once

#include "optim/element.h"

namespace tc::optim {

class Percentile {
 public:
  // What is kept beside each value. The heaps hold the values' indices.
  struct Cell {
    int32_t low, high;  // the heaps' entries with this cell's index
    int32_t where;      // of the value with this index: its entry in `low`, or -1 - its entry in `high`
  };

  // Uses memory of the owner's, who copies the contents and calls again when it grows.
  TC_HD void use(double* values, Cell* cells, int64_t capacity) {
    values_ = values;
    cells_ = cells;
    capacity_ = capacity;
  }

  TC_HD int64_t count() const { return count_; }
  // The index of the oldest value; the others follow, wrapping around.
  TC_HD int64_t oldest() const { return oldest_; }
  // The i-th oldest value.
  TC_HD double operator[](int64_t i) const { return values_[(oldest_ + i) % capacity_]; }
  // A move to other memory is `move` of each index, in any order and by any threads, and then `moved`. The oldest value
  // comes first there.
  TC_HD void move(int64_t index, double* values, Cell* cells) const {
    const int64_t to = turned(index);
    values[to] = values_[index];
    cells[to].where = cells_[index].where;
    if (index < lows_) cells[index].low = int32_t(turned(cells_[index].low));
    if (index < highs_) cells[index].high = int32_t(turned(cells_[index].high));
  }
  TC_HD void moved(double* values, Cell* cells, int64_t capacity) {
    oldest_ = 0;
    use(values, cells, capacity);
  }

  // Adds a value, in place of the oldest if full, and returns the q-quantile of all values, linearly interpolated as by
  // numpy.percentile.
  TC_HD double add(double value, double q) {
    int32_t index = int32_t(count_);
    if (count_ == capacity_) {
      index = int32_t(oldest_);
      remove(index);
      oldest_ = oldest_ + 1 == capacity_ ? 0 : oldest_ + 1;
    } else {
      ++count_;
    }
    values_[index] = value;
    if (lows_ > 0 && value <= values_[cells_[0].low]) {
      push<true>(index);
    } else {
      push<false>(index);
    }
    const double at = q * double(count_ - 1);
    const int64_t below = int64_t(at);
    while (lows_ < below + 1) shift<false>();
    while (lows_ > below + 1) shift<true>();
    const double low = values_[cells_[0].low];
    const double high = highs_ > 0 ? values_[cells_[0].high] : low;
    const double part = at - double(below);
    return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
  }

 private:
  // The place of an index when the oldest has the first.
  TC_HD int64_t turned(int64_t index) const { return index >= oldest_ ? index - oldest_ : index - oldest_ + count_; }
  template <bool kLow>
  TC_HD int32_t& entry(int64_t i) {
    return kLow ? cells_[i].low : cells_[i].high;
  }
  template <bool kLow>
  TC_HD int64_t& size() {
    return kLow ? lows_ : highs_;
  }
  // Whether index a belongs above index b: the low heap has its largest on top.
  template <bool kLow>
  TC_HD bool above(int32_t a, int32_t b) const {
    return kLow ? values_[a] > values_[b] : values_[a] < values_[b];
  }
  template <bool kLow>
  TC_HD void put(int64_t i, int32_t index) {
    entry<kLow>(i) = index;
    cells_[index].where = kLow ? int32_t(i) : int32_t(-1 - i);
  }
  template <bool kLow>
  TC_HD void rise(int64_t i, int32_t index) {
    while (i > 0 && above<kLow>(index, entry<kLow>((i - 1) / 2))) {
      put<kLow>(i, entry<kLow>((i - 1) / 2));
      i = (i - 1) / 2;
    }
    put<kLow>(i, index);
  }
  template <bool kLow>
  TC_HD void sink(int64_t i, int32_t index) {
    for (int64_t child; (child = 2 * i + 1) < size<kLow>(); i = child) {
      if (child + 1 < size<kLow>() && above<kLow>(entry<kLow>(child + 1), entry<kLow>(child))) ++child;
      if (!above<kLow>(entry<kLow>(child), index)) break;
      put<kLow>(i, entry<kLow>(child));
    }
    put<kLow>(i, index);
  }
  template <bool kLow>
  TC_HD void push(int32_t index) {
    rise<kLow>(size<kLow>()++, index);
  }
  template <bool kLow>
  TC_HD void erase(int64_t i) {
    const int32_t last = entry<kLow>(--size<kLow>());
    if (i == size<kLow>()) return;
    if (i > 0 && above<kLow>(last, entry<kLow>((i - 1) / 2))) {
      rise<kLow>(i, last);
    } else {
      sink<kLow>(i, last);
    }
  }
  TC_HD void remove(int32_t index) {
    const int32_t where = cells_[index].where;
    if (where >= 0) {
      erase<true>(where);
    } else {
      erase<false>(-1 - where);
    }
  }
  // Moves the top of one heap to the other heap.
  template <bool kFromLow>
  TC_HD void shift() {
    const int32_t top = entry<kFromLow>(0);
    erase<kFromLow>(0);
    push<!kFromLow>(top);
  }

  double* values_ = nullptr;
  Cell* cells_ = nullptr;
  int64_t capacity_ = 0, count_ = 0, oldest_ = 0, lows_ = 0, highs_ = 0;
};

}  // namespace tc::optim
