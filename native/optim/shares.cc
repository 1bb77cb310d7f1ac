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

Shares::Shares(int processes, const std::vector<Size>& parameters, Cuts cuts, const std::vector<size_t>& blocks) {
  std::vector<std::vector<Places>> places;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const size_t b = blocks.empty() ? 0 : blocks[i];
    if (b >= blocks_.size()) {
      blocks_.resize(b + 1);
      places.resize(b + 1);
    }
    std::vector<int64_t>& offset = blocks_[b].offset;
    place_.emplace_back(b, offset.size() - 1);
    offset.push_back(offset.back() + parameters[i].reals);
    places[b].emplace_back(parameters[i], cuts);
  }
  for (size_t b = 0; b < blocks_.size(); ++b) {
    auto& [offset, bound] = blocks_[b];
    const int64_t total = offset.back();
    for (int process = 1; process < processes; ++process) {
      const int64_t target = total / processes * process + total % processes * process / processes;
      const size_t k = size_t(std::upper_bound(offset.begin(), offset.end(), target) - offset.begin()) - 1;
      if (k >= places[b].size()) {
        bound.push_back(total);
        continue;
      }
      const int64_t inside = target - offset[k];
      const int64_t before = places[b][k].before(inside), after = places[b][k].after(inside);
      const int64_t nearest = inside - before <= after - inside ? before : after;
      bound.push_back(std::max(bound.back(), offset[k] + nearest));
    }
    bound.push_back(total);
  }
}

Range Shares::of(size_t parameter, int process) const {
  const auto& [block, k] = place_[parameter];
  const auto& [offset, bound] = blocks_[block];
  const int64_t first = offset[k], reals = offset[k + 1] - first;
  const auto inside = [&](int64_t real) { return std::clamp<int64_t>(real - first, 0, reals); };
  return {inside(bound[size_t(process)]), inside(bound[size_t(process) + 1])};
}

int Shares::owner(size_t parameter, int64_t real) const {
  const auto& [block, k] = place_[parameter];
  const auto& [offset, bound] = blocks_[block];
  return int(std::upper_bound(bound.begin(), bound.end(), offset[k] + real) - bound.begin()) - 1;
}

}  // namespace tc::optim
