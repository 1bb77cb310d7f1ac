#include "optim/cuda/tables/plan.h"

#include <ATen/ops/index_select.h>

#include <algorithm>
#include <tuple>

namespace tc::optim::cuda {

void PlanCopy::send(const Plan& plan, const std::vector<Item>& items, const std::vector<Group>& groups, bool visits,
                    c10::Device device, const Share& share) {
  device_ = device;
  items_.send(items, device);
  const size_t units = plan.norms.size();
  std::vector<int32_t> unit_item(units, -1);
  for (const Chunk& chunk : plan.chunks) {
    if (unit_item[size_t(chunk.unit)] < 0) unit_item[size_t(chunk.unit)] = chunk.item;
  }
  chunks_.send(plan.chunks, device);
  unit_.send(plan.unit, device);
  unit_item_.send(unit_item, device);
  numel_.send(plan.numel, device);
  partials_.reserve(plan.chunks.size(), device);
  weight_partials_.reserve(plan.chunks.size(), device);
  terms_.reserve(plan.chunks.size() * kMaxMoments, device);
  moments_.reserve(items.size() * kMaxMoments, device);
  counts_.reserve(items.size(), device);
  for (Buffer<double>* buffer : {&norms_, &weight_norms_, &coefficients_, &limits_, &thresholds_}) buffer->touched();
  norms_.send(plan.norms, device);
  weight_norms_.send(plan.weight_norms, device);
  coefficients_.send(plan.coefficients, device);
  limits_.send(plan.limits, device);
  thresholds_.send(plan.thresholds, device);
  sort(plan, groups, visits, share);
}

// Chunks that take the same kernel become one launch.
void PlanCopy::sort(const Plan& plan, const std::vector<Group>& groups, bool visits, const Share& share) {
  const auto rule_of = [&](const Chunk& chunk) { return groups[size_t(plan.items[size_t(chunk.item)].group)].rule; };
  const auto visited = [&](const Chunk& chunk) {
    const size_t u = size_t(chunk.unit);
    return visits && plan.unit[u + 1] - plan.unit[u] == 1 && holds(VisitedRules{}, rule_of(chunk));
  };
  std::vector<int32_t> others;
  for (size_t u = 0; u < plan.norms.size(); ++u) {
    if (!plan.present(u) || !visited(plan.chunks[size_t(plan.unit[u])])) others.push_back(int32_t(u));
  }
  others_.send(others, device_);
  const auto key = [&](int32_t c) {
    const Chunk& chunk = plan.chunks[size_t(c)];
    const Item& item = plan.items[size_t(chunk.item)];
    return std::tuple(item.dtype, item.param_dtype, rule_of(chunk), visited(chunk));
  };
  std::vector<int32_t> order;
  for (size_t c = 0; c < plan.chunks.size(); ++c) {
    if (share.has(plan.items[size_t(plan.chunks[c].item)])) order.push_back(int32_t(c));
  }
  if (share.home) {
    const at::Tensor indices = at::empty({int64_t(order.size())}, c10::kLong);
    std::copy(order.begin(), order.end(), indices.mutable_data_ptr<int64_t>());
    own_ = indices.to(device_);
    own_at_home_ = indices.to(*share.home);
  }
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return key(a) < key(b); });
  order_.send(order, device_);
  launches_.clear();
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    while (last < order.size() && key(order[last]) == key(order[first])) ++last;
    const auto [dtype, param_dtype, rule, one_visit] = key(order[first]);
    launches_.push_back({order_.data() + first, int32_t(last - first), rule, dtype, param_dtype, one_visit});
    first = last;
  }
}

void PlanCopy::use() const {
  const auto each = [](const auto&... buffers) { (buffers.use(), ...); };
  each(items_, chunks_, unit_, numel_, counts_, unit_item_, order_, others_);
  each(partials_, weight_partials_, norms_, weight_norms_, coefficients_, limits_, thresholds_, terms_, moments_);
}

DevicePlan PlanCopy::view() const {
  DevicePlan plan{};
  plan.items = items_.data();
  plan.chunks = chunks_.data();
  plan.unit = unit_.data();
  plan.unit_item = unit_item_.data();
  plan.numel = numel_.data();
  plan.partials = partials_.data();
  plan.weight_partials = weight_partials_.data();
  plan.norms = norms_.data();
  plan.weight_norms = weight_norms_.data();
  plan.coefficients = coefficients_.data();
  plan.limits = limits_.data();
  plan.thresholds = thresholds_.data();
  plan.terms = terms_.data();
  plan.moments = moments_.data();
  plan.counts = counts_.data();
  plan.units = int32_t(norms_.size());
  plan.item_count = int32_t(items_.size());
  plan.others = others_.data();
  plan.other_count = int32_t(others_.size());
  return plan;
}

Pass PlanCopy::pass() const {
  Pass pass{};
  pass.items = items_.data();
  pass.moving = moving_;
  pass.chunks = chunks_.data();
  pass.coefficient = coefficients_.data();
  pass.limit = limits_.data();
  pass.partial = partials_.data();
  pass.terms = terms_.data();
  return pass;
}

std::array<at::Tensor, 3> PlanCopy::outcome() const {
  return {norms_.copy(c10::kDouble), coefficients_.copy(c10::kDouble), thresholds_.copy(c10::kDouble)};
}

template <class T>
void PlanCopy::take(const Buffer<T>& to, const Buffer<T>& of, const PlanCopy& from) const {
  const size_t chunks = chunks_.size();
  const at::Tensor rows = at::index_select(of.rows(chunks), 0, from.own_).to(device_, /*non_blocking=*/true);
  to.rows(chunks).index_copy_(0, from.own_at_home_, rows);
}

void PlanCopy::take_partials(const PlanCopy& from, bool weights) {
  if (from.launches_.empty()) return;
  take(partials_, from.partials_, from);
  if (weights) take(weight_partials_, from.weight_partials_, from);
}

void PlanCopy::take_terms(const PlanCopy& from) {
  if (!from.launches_.empty()) take(terms_, from.terms_, from);
}

void PlanCopy::follow_decision(const PlanCopy& home) {
  coefficients_.follow(home.coefficients_, device_);
  limits_.follow(home.limits_, device_);
}

void PlanCopy::follow_moments(const PlanCopy& home) {
  moments_.follow(home.moments_, device_);
  counts_.follow(home.counts_, device_);
}

void PlanCopy::receive(Plan& plan) const {
  if (norms_.size() != plan.norms.size()) return;
  plan.norms = norms_.receive();
  plan.coefficients = coefficients_.receive();
  plan.thresholds = thresholds_.receive();
}

}  // namespace tc::optim::cuda
