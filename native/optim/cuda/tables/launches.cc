// How the chunks of a plan become launches.
#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "optim/cuda/tables/plan.h"

namespace tc::optim::cuda {
namespace {

// How many blocks a multiprocessor takes at once, of most kernels.
constexpr int64_t kResident = 4;
// No part has fewer elements, so that each of a block's threads has some.
constexpr int64_t kLeastPart = 2048;

// The elements of a part, so that the chunks' parts fill the GPU twice if they can.
int64_t part_of(int64_t chunks, int64_t multiprocessors) {
  int64_t length = kChunk;
  while (length > kLeastPart && chunks * (kChunk / length) < 2 * kResident * multiprocessors) length /= 2;
  return length;
}

void divide(const Work& work, int64_t length, std::vector<Work>& parts) {
  // Each begins at a whole vector where the chunk does.
  for (int64_t at = 0; at < work.chunk.length; at += length) {
    Work& part = parts.emplace_back(work);
    part.chunk.begin += at;
    part.chunk.length = int32_t(std::min(length, work.chunk.length - at));
  }
}

// The chunks of a launch, by where they are in a list.
struct Range {
  size_t first, last;
  bool small;
};

// Chunks by their indices in the plan, and what decides about their kernels.
struct Chunks {
  const Plan& plan;
  const std::vector<Group>& groups;
  bool visits;
  size_t at_once;  // the blocks that the GPU takes

  const Chunk& operator[](int32_t c) const { return plan.chunks[size_t(c)]; }
  const Item& item(int32_t c) const { return plan.items[size_t((*this)[c].item)]; }
  int32_t rule(int32_t c) const { return groups[size_t(item(c).group)].rule; }
  bool visited(int32_t c) const {
    const size_t u = size_t((*this)[c].unit);
    return visits && plan.unit[u + 1] - plan.unit[u] == 1 && holds(VisitedRules{}, rule(c));
  }
  auto key(int32_t c) const { return std::tuple(item(c).dtype, item(c).param_dtype, rule(c), visited(c)); }

  // Sorts them so that those of one launch follow one another: those of one kernel, or, if the small ones among them
  // are more than the GPU takes blocks at once, the larger ones and then the small ones.
  std::vector<Range> arrange(std::vector<int32_t>& list) const {
    std::stable_sort(list.begin(), list.end(), [&](int32_t a, int32_t b) { return key(a) < key(b); });
    std::vector<Range> launches;
    const auto add = [&](auto first, auto last, bool small) {
      if (first != last) launches.push_back({size_t(first - list.begin()), size_t(last - list.begin()), small});
    };
    for (auto first = list.begin(); first != list.end();) {
      const auto last = std::find_if(first, list.end(), [&](int32_t c) { return key(c) != key(*first); });
      const auto large = [&](int32_t c) { return (*this)[c].length > kSmall; };
      const bool many = size_t(std::count_if(first, last, std::not_fn(large))) > at_once;
      const auto middle = many ? std::stable_partition(first, last, large) : last;
      add(first, middle, false);
      add(middle, last, true);
      first = last;
    }
    return launches;
  }
};

}  // namespace

void PlanTables::sort(const Plan& plan, const std::vector<Group>& groups, bool visits, c10::Device device,
                      const Share& share) {
  const Chunks chunk{plan, groups, visits, size_t(kResident * multiprocessors(device))};
  std::vector<int32_t> unvisited;
  for (size_t u = 0; u < plan.norms.size(); ++u) {
    if (!plan.present(u) || !chunk.visited(int32_t(plan.unit[u]))) unvisited.push_back(int32_t(u));
  }
  others.send(unvisited, device);
  std::vector<int32_t> list;
  for (int32_t c = 0; c < int32_t(plan.chunks.size()); ++c) {
    if (share.has(chunk.item(c))) list.push_back(c);
  }
  if (share.home) {
    const at::Tensor indices = at::empty({int64_t(list.size())}, c10::kLong);
    std::copy(list.begin(), list.end(), indices.mutable_data_ptr<int64_t>());
    own = indices.to(device);
    own_at_home = indices.to(*share.home);
  }
  const std::vector<Range> ranges = chunk.arrange(list);
  std::vector<Work> work, divided;
  for (const int32_t c : list) work.push_back({chunk[c], c});
  order.send(work, device);
  std::vector<size_t> begins;
  for (const auto& [first, last, small] : ranges) {
    begins.push_back(divided.size());
    const int64_t length = part_of(int64_t(last - first), multiprocessors(device));
    for (size_t at = first; at < last; ++at) divide(work[at], length, divided);
    Launch& launch = launches.emplace_back();
    launch.list = order.data() + first;
    launch.count = int32_t(last - first);
    launch.part_count = int32_t(divided.size() - begins.back());
    launch.small = small;
    std::tie(launch.dtype, launch.param_dtype, launch.rule, launch.visited) = chunk.key(list[first]);
  }
  const bool whole = divided.size() == work.size();
  if (!whole) parts.send(divided, device);
  for (size_t k = 0; k < launches.size(); ++k) {
    launches[k].parts = whole ? launches[k].list : parts.data() + begins[k];
  }
}

}  // namespace tc::optim::cuda
