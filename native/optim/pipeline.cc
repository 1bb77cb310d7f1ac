#include "optim/pipeline.h"

#include "optim/clip/traits.h"

namespace tc::optim {

Pipeline::Pipeline(const Settings& settings) {
  const auto& stages = settings.stages;
  size_t split = 0;
  while (split < stages.size() && stages[split].placement == Placement::kGradient) ++split;
  const bool of_updates = split < stages.size();
  // These read the gradient more than once, or not through the pass that replaces non-finite elements.
  if (settings.policy == Policy::kZero && (of_updates || (split > 0 && acts_on_elements(stages[0].clipper)))) {
    all.push_back({nullptr, 0, true, {}});
  }
  append(stages, 0, split, of_updates);
  gradients_ = all.size();
  if (of_updates) append(stages, split, stages.size(), false);
  for (StagePlan& each : all) {
    const bool one = each.stage == nullptr || each.stage->scope == Scope::kGlobal;
    each.plan.build({}, one ? 1 : 0);
  }
}

void Pipeline::append(const std::vector<Stage>& stages, size_t first, size_t last, bool store_all) {
  const size_t before = all.size();
  for (size_t k = first; k < last; ++k) {
    all.push_back({&stages[k], k, store_all || k + 1 < last || acts_on_elements(stages[k].clipper), {}});
  }
  if (all.size() == before || all.back().materialise) all.push_back({nullptr, 0, false, {}});
}

const Plan& Pipeline::plan_of(size_t stage) const {
  for (const StagePlan& each : all) {
    if (each.stage != nullptr && each.index == stage) return each.plan;
  }
  return all.front().plan;
}

}  // namespace tc::optim
