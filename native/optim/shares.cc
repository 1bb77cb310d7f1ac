#include "optim/shares.h"

#include <algorithm>

namespace tc::optim {
namespace {

// The places in a parameter where its chunks begin, whichever plan they are in.
class Places {
 public:
  Places(const Shares::Size& size, const Shares::Cuts& cuts)
      : reals_(size.reals), row_(std::max<int64_t>(size.reals / std::max<int64_t>(size.rows, 1), 1)), cuts_(cuts) {}

  // The last one at or before a real.
  int64_t before(int64_t real) const {
    if (real <= 0) return 0;
    if (real >= reals_) return reals_;
    if (!cuts_.larger) return real / row_ * row_ + down(real % row_);
    int64_t at = down(real);
    while (at > 0 && !begins_in_row(at)) at -= kChunk;
    return at;
  }
  // The first one at or after it.
  int64_t after(int64_t real) const {
    if (real <= 0) return 0;
    if (!cuts_.larger) return std::min(reals_, real / row_ * row_ + std::min(row_, up(real % row_)));
    int64_t at = up(real);
    while (at < reals_ && !begins_in_row(at)) at += kChunk;
    return std::min(reals_, at);
  }

 private:
  static int64_t down(int64_t x) { return x / kChunk * kChunk; }
  static int64_t up(int64_t x) { return down(x + kChunk - 1); }
  bool begins_in_row(int64_t at) const { return !cuts_.by_row || at % row_ % kChunk == 0; }

  int64_t reals_, row_;
  Shares::Cuts cuts_;
};

}  // namespace

Shares::Shares(int processes, const std::vector<Size>& parameters, Cuts cuts) : offset_{0}, bound_{0} {
  for (const Size& size : parameters) offset_.push_back(offset_.back() + size.reals);
  const int64_t total = offset_.back();
  for (int process = 1; process < processes; ++process) {
    const int64_t target = total / processes * process + total % processes * process / processes;
    const size_t k = size_t(std::upper_bound(offset_.begin(), offset_.end(), target) - offset_.begin()) - 1;
    if (k >= parameters.size()) {
      bound_.push_back(total);
      continue;
    }
    const Places places(parameters[k], cuts);
    const int64_t inside = target - offset_[k];
    const int64_t before = places.before(inside), after = places.after(inside);
    const int64_t nearest = inside - before <= after - inside ? before : after;
    bound_.push_back(std::max(bound_.back(), offset_[k] + nearest));
  }
  bound_.push_back(total);
}

Range Shares::of(size_t parameter, int process) const {
  const int64_t first = offset_[parameter], reals = offset_[parameter + 1] - first;
  const auto inside = [&](int64_t bound) { return std::clamp<int64_t>(bound - first, 0, reals); };
  return {inside(bound_[size_t(process)]), inside(bound_[size_t(process) + 1])};
}

int Shares::owner(size_t parameter, int64_t real) const {
  return int(std::upper_bound(bound_.begin(), bound_.end(), offset_[parameter] + real) - bound_.begin()) - 1;
}

}  // namespace tc::optim
