#include "optim/spreading.h"

#include <algorithm>
#include <utility>

#include "optim/partial_memory.h"
#include "optim/tensor_view.h"

namespace tc::optim {
namespace {

// More would only take memory.
constexpr size_t kUnderWay = 2;

}  // namespace

Spreading::Spreading(Peers& peers, const Shares& shares, const std::deque<Parameter>& parameters,
                     const std::vector<size_t>& members, const std::vector<size_t>& blocks, int32_t first)
    : peers_(peers), first_(first) {
  std::vector<Block> all(blocks.empty() ? 0 : *std::max_element(blocks.begin(), blocks.end()) + 1);
  for (size_t b = 0; b < all.size(); ++b) all[b] = {b, 0, Parts(size_t(peers.size()))};
  std::vector<bool> used(all.size());
  for (size_t i = 0; i < members.size(); ++i) {
    const Parameter& p = parameters[members[i]];
    // Where each process has its part, the others' are fetched when they are needed.
    if (is_partial(p.value)) continue;
    Block& block = all[blocks[members[i]]];
    used[block.number] = true;
    block.last = i;
    add_parts(block.parts, shares, members[i], p.dtype, address(Planner::value_of(p)));
  }
  for (Block& block : all) {
    if (used[block.number]) blocks_.push_back(std::move(block));
  }
  std::stable_sort(blocks_.begin(), blocks_.end(), [](const Block& a, const Block& b) { return a.last < b.last; });
}

void Spreading::advance(size_t members) {
  for (; next_ < blocks_.size() && blocks_[next_].last < members; ++next_) {
    if (under_way_.size() == kUnderWay) {
      under_way_.front()->finish();
      under_way_.pop_front();
    }
    under_way_.push_back(peers_.spread(std::move(blocks_[next_].parts), first_ + int32_t(blocks_[next_].number)));
  }
}

// This process's part is updated in any case.
void Spreading::updated(size_t members) noexcept {
  if (failure_ != nullptr) return;
  try {
    advance(members);
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void Spreading::finish() {
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  advance(blocks_.empty() ? 0 : blocks_.back().last + 1);
  for (; !under_way_.empty(); under_way_.pop_front()) under_way_.front()->finish();
}

}  // namespace tc::optim
