#include "optim/cuda/site.h"

#include <algorithm>

namespace tc::optim::cuda {

void Residence::use() const {
  for (const Site& site : sites) {
    const c10::cuda::CUDAGuard guard(site.device);
    site.use();
  }
  const c10::cuda::CUDAGuard guard(home().device);
  memory.use();
}

void Residence::send(State& state, bool visits) {
  // First, as tables that must grow are dropped here.
  use();
  Pipeline& pipeline = state.pipeline;
  const bool fresh = generation != pipeline.generation;
  const std::vector<Item>& all = pipeline.all.front().plan.items;
  if (fresh) {
    for (const Item& item : all) {
      const auto there = [&](const Site& site) { return site.index == index_of(item); };
      if (std::none_of(sites.begin(), sites.end(), there)) sites.emplace_back(index_of(item));
    }
    std::erase_if(sites, [&](const Site& site) {
      return site.index != home().index &&
             std::none_of(all.begin(), all.end(), [&](const Item& item) { return index_of(item) == site.index; });
    });
  }
  {
    const c10::cuda::CUDAGuard guard(home().device);
    std::vector<const Plan*> of_stage;
    for (size_t k = 0; k < state.settings.stages.size(); ++k) of_stage.push_back(&pipeline.plan_of(k));
    memory.prepare(state, of_stage);
  }
  std::vector<void*> addresses;
  for (const Item& item : all) addresses.push_back(item.grad);
  for (Site& site : sites) {
    const c10::cuda::CUDAGuard guard(site.device);
    site.plans.resize(pipeline.all.size());
    if (!capturing(site.stream())) site.groups.send(state.groups, site.device);
    site.gradients.send(addresses, site.device, site.stream());
    const size_t gradients = pipeline.gradients().size();
    for (size_t k = 0; k < pipeline.all.size(); ++k) {
      PlanCopy& copy = site.plans[k];
      if (fresh) send_plan(pipeline.all[k].plan, copy, site, state.groups, visits);
      Moving moving;
      if (k == 0) moving.grad = site.gradients.data();
      if (k + 1 == gradients) moving.out = site.gradients.data();
      if (k >= gradients && gradients == 1) moving.source = site.gradients.data();
      copy.follow(moving);
    }
  }
  generation = pipeline.generation;
}

void Residence::refresh(const std::vector<Group>& groups) {
  use();
  for (Site& site : sites) {
    const c10::cuda::CUDAGuard guard(site.device);
    site.groups.send(groups, site.device);
  }
}

void Residence::send_plan(const Plan& plan, PlanCopy& copy, Site& site, const std::vector<Group>& groups, bool visits) {
  std::vector<Item> items = memory.resident(plan.items);
  Share share{[&](const Item& item) { return index_of(item) == site.index; }, {}};
  if (&site != &home()) {
    share.home = home().device;
    site.counts.reserve(memory.counts().size(), site.device);
    site.scalars.reserve(memory.scalars().size(), site.device);
    for (Item& item : items) {
      if (item.step != nullptr) item.step = site.counts.data() + item.parameter;
      if (item.scalars != nullptr) item.scalars = site.scalars.data() + item.parameter * kMaxScalars;
    }
  }
  copy.send(plan, items, groups, visits && !spread(), site.device, share);
}

}  // namespace tc::optim::cuda
