#include "optim/cuda/tables/plan.h"

#include <ATen/ops/index_select.h>

#include <utility>

namespace tc::optim::cuda {

PlanTables::PlanTables(const Plan& plan, const std::vector<Item>& all, const std::vector<Group>& groups, bool visits,
                       c10::Device device, const Share& share) {
  items.send(all, device);
  std::vector<int32_t> item_of_unit(plan.norms.size(), -1);
  for (const Chunk& chunk : plan.chunks) {
    if (item_of_unit[size_t(chunk.unit)] < 0) item_of_unit[size_t(chunk.unit)] = chunk.item;
  }
  chunks.send(plan.chunks, device);
  unit.send(plan.unit, device);
  unit_item.send(item_of_unit, device);
  numel.send(plan.numel, device);
  sort(plan, groups, visits, device, share);
}

void PlanTables::use() const {
  const auto each = [](const auto&... buffers) { (buffers.use(), ...); };
  each(items, chunks, unit, numel, unit_item, others, order, parts);
}

void PlanCopy::send(const Plan& plan, const std::vector<Item>& items, const std::vector<Group>& groups, bool visits,
                    c10::Device device, const Share& share) {
  device_ = device;
  tables_ = std::make_shared<PlanTables>(plan, items, groups, visits, device, share);
  partials_.reserve(plan.chunks.size(), device);
  weight_partials_.reserve(plan.chunks.size(), device);
  terms_.reserve(plan.chunks.size() * kMaxMoments, device);
  moments_.reserve(items.size() * kMaxMoments, device);
  counts_.reserve(items.size(), device);
  rules_.reserve(items.size() * kRuleBytes, device);
  for (Buffer<double>* buffer : {&norms_, &weight_norms_, &coefficients_, &limits_, &thresholds_}) buffer->touched();
  norms_.send(plan.norms, device);
  weight_norms_.send(plan.weight_norms, device);
  coefficients_.send(plan.coefficients, device);
  limits_.send(plan.limits, device);
  thresholds_.send(plan.thresholds, device);
}

void PlanCopy::share(std::shared_ptr<const PlanTables> tables, c10::Device device) {
  device_ = device;
  tables_ = std::move(tables);
  partials_.reserve(tables_->chunks.size(), device);
  norms_.reserve(tables_->numel.size(), device);
}

void PlanCopy::use() const {
  const auto each = [](const auto&... buffers) { (buffers.use(), ...); };
  if (tables_) tables_->use();
  each(counts_, rules_, partials_, weight_partials_, norms_, weight_norms_, coefficients_, limits_, thresholds_, terms_,
       moments_);
}

DevicePlan PlanCopy::view() const {
  DevicePlan plan{};
  plan.items = tables_->items.data();
  plan.chunks = tables_->chunks.data();
  plan.unit = tables_->unit.data();
  plan.unit_item = tables_->unit_item.data();
  plan.numel = tables_->numel.data();
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
  plan.rules = rules_.data();
  plan.units = int32_t(norms_.size());
  plan.item_count = int32_t(tables_->items.size());
  plan.others = tables_->others.data();
  plan.other_count = int32_t(tables_->others.size());
  return plan;
}

DevicePass PlanCopy::pass() const {
  DevicePass pass{};
  pass.items = tables_->items.data();
  pass.moving = moving_;
  pass.chunks = tables_->chunks.data();
  pass.coefficient = coefficients_.data();
  pass.limit = limits_.data();
  pass.partial = partials_.data();
  pass.terms = terms_.data();
  pass.rules = rules_.data();
  return pass;
}

std::array<at::Tensor, 3> PlanCopy::outcome() const {
  return {norms_.copy(c10::kDouble), coefficients_.copy(c10::kDouble), thresholds_.copy(c10::kDouble)};
}

template <class T>
void PlanCopy::take(const Buffer<T>& to, const Buffer<T>& of, const PlanCopy& from) const {
  const size_t chunks = tables_->chunks.size();
  const at::Tensor rows = at::index_select(of.rows(chunks), 0, from.tables_->own).to(device_, /*non_blocking=*/true);
  to.rows(chunks).index_copy_(0, from.tables_->own_at_home, rows);
}

void PlanCopy::take_partials(const PlanCopy& from, bool weights) {
  if (from.tables_->launches.empty()) return;
  take(partials_, from.partials_, from);
  if (weights) take(weight_partials_, from.weight_partials_, from);
}

void PlanCopy::take_terms(const PlanCopy& from) {
  if (!from.tables_->launches.empty()) take(terms_, from.terms_, from);
}

void PlanCopy::follow_decision(const PlanCopy& home) {
  coefficients_.follow(home.coefficients_, device_);
  limits_.follow(home.limits_, device_);
}

void PlanCopy::follow_rules(const PlanCopy& home) { rules_.follow(home.rules_, device_); }

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
