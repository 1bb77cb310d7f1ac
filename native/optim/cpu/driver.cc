#include "optim/driver.h"

#include <ATen/ops/item.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <atomic>
#include <limits>

#include "optim/clip/traits.h"
#include "optim/cpu/passes.h"
#include "optim/decision.h"
#include "optim/rule/info.h"
#include "optim/undo.h"

namespace tc::optim {
namespace {

// What a step has changed by the time it asks the user's code.
Undo undo_of(State& state) {
  Undo undo;
  undo.keep(state.memories);
  for (const Item& item : state.pipeline.all.front().plan.items) {
    if (item.step == nullptr) continue;
    undo.keep(*item.step);
    for (int k = 0; item.scalars != nullptr && k < kMaxScalars; ++k) undo.keep(item.scalars[k]);
  }
  undo.keep_elements(state, [](const Item&) { return c10::kCPU; });
  return undo;
}

class CpuStep {
 public:
  CpuStep(std::vector<StageMemory>& memories, const Group* groups, const Custom& custom)
      : memories_(memories), groups_(groups), custom_(custom) {}

  // Measures, decides and, if the next stage needs it, stores what is left of the gradients.
  void take(StagePlan& current, bool measured, const Intake& intake) {
    Plan& plan = current.plan;
    if (current.stage == nullptr) {
      std::fill(plan.coefficients.begin(), plan.coefficients.end(), 1);
      if (current.materialise) cpu::clip(plan, intake);
      return;
    }
    const Stage& stage = *current.stage;
    const double order = order_of(stage.clipper);
    if (order == kNoStatistic) {
      if (!measured) std::fill(plan.norms.begin(), plan.norms.end(), std::numeric_limits<double>::quiet_NaN());
    } else if (!measured) {
      cpu::reduce(plan, order, intake);
    }
    if (looks_at_weights(stage.clipper)) cpu::reduce_parameters(plan);
    StageMemory& memory = memories_[current.index];
    if (asks_host(stage.clipper)) {
      decide(stage, memory, plan, custom_(current.index, plan));
    } else {
      decide(stage, memory, plan);
    }
    if (!current.materialise) return;
    if (acts_on_elements(stage.clipper)) {
      cpu::clip_elements(plan, intake, stage.clipper, memory.numbers.data());
    } else {
      cpu::clip(plan, intake);
    }
  }

  void set_levels(Plan& plan) const {
    for (auto item = plan.items.rbegin(); item != plan.items.rend(); ++item) {
      const auto level = rule_info(groups_[item->group].rule).level;
      if (level == nullptr) return;
      // Nothing has advanced yet.
      const auto& hyper = groups_[item->group].hyper;
      double scalars[kMaxScalars] = {};
      if (item->scalars != nullptr) std::copy_n(item->scalars, kMaxScalars, scalars);
      if (const auto advance = rule_info(groups_[item->group].rule).advance) advance(hyper, *item->step + 1, scalars);
      const double factor = level(hyper, *item->step + 1, scalars);
      std::fill_n(plan.levels.begin() + item->unit, item->rows, factor);
    }
  }

 private:
  std::vector<StageMemory>& memories_;
  const Group* groups_;
  const Custom& custom_;
};

// Whether units can be measured, decided about and updated in one visit, as their decisions depend on no other unit.
bool in_one_visit(const State& state, const Request& request) {
  // A larger unit is too much for one thread while the others wait.
  constexpr int64_t kLargest = 1 << 18;
  const Pipeline& pipeline = state.pipeline;
  const StagePlan& only = pipeline.all.front();
  if (pipeline.all.size() > 1 || only.stage == nullptr || request.outside || state.peers) return false;
  const Stage& stage = *only.stage;
  const Clipper& clipper = stage.clipper;
  const bool gains =
      looks_at_weights(clipper) || (order_of(clipper) != kNoStatistic && !state.refuses_nonfinite(request));
  if (!gains || stage.scope == Scope::kGlobal || only.plan.largest > kLargest || stage.tap > 0 ||
      looks_at_total(clipper) || asks_host(clipper)) {
    return false;
  }
  return std::none_of(only.plan.items.begin(), only.plan.items.end(),
                      [&](const Item& item) { return rule_info(state.groups[size_t(item.group)].rule).moments > 0; });
}

void visit(State& state, const Intake& intake, bool measured) {
  StagePlan& only = state.pipeline.all.front();
  const Stage& stage = *only.stage;
  StageMemory& memory = state.memories[only.index];
  std::atomic<int64_t> decisions = 0, clipped = 0;
  cpu::Visit how;
  if (!measured) how.order = order_of(stage.clipper);
  how.weights = looks_at_weights(stage.clipper);
  how.decide = [&](size_t first, size_t last) {
    const Tally tally = decide_units(stage, memory, only.plan, first, last);
    decisions += tally.decisions;
    clipped += tally.clipped;
  };
  open(stage, memory, only.plan);
  cpu::update_by_units(only.plan, state.groups.data(), intake, state.settings.write_back, how);
  close(stage, memory, {decisions, clipped});
}

// Whether all gradients are finite, if the policy asks. Leaves the first stage's norms behind if it measured them.
bool scan(StagePlan& first, const State& state, const Request& request, const Intake& intake, bool& measured) {
  const double order = first.stage == nullptr ? kNoStatistic : order_of(first.stage->clipper);
  measured = state.refuses_nonfinite(request) || (order != kNoStatistic && !in_one_visit(state, request));
  if (measured) return cpu::reduce(first.plan, order == kNoStatistic ? 2 : order, intake);
  std::fill(first.plan.norms.begin(), first.plan.norms.end(), std::numeric_limits<double>::quiet_NaN());
  return true;
}

// Stores the clipped gradients, and has them replaced by the new parameters.
void gather(Pipeline& pipeline, const Group* groups, const Intake& intake, const Outside& outside) {
  Plan& last = pipeline.gradients().back().plan;
  std::vector<Group> storing;
  for (const Item& item : last.items) storing.resize(std::max(storing.size(), size_t(item.group) + 1));
  std::copy_n(groups, storing.size(), storing.begin());
  for (Group& group : storing) group.rule = rule_index<Gather>(Rules{});
  cpu::update(last, storing.data(), intake, false, {});
  outside();
}

Outcome take_step(State& state, const Request& request, at::Tensor& found) {
  Pipeline& pipeline = state.pipeline;
  const Settings& settings = state.settings;
  std::vector<StageMemory>& memories = state.memories;
  const Group* groups = state.groups.data();
  Counters& counters = state.counters;
  const Policy policy = settings.policy;
  double factor = 1;
  Intake intake{policy == Policy::kZero && !request.scaled()};
  if (request.scaled()) {
    factor = request.inverse.item<double>();
    intake.unscale = &factor;
  }
  bool measured = false;
  const bool all_finite = scan(pipeline.all.front(), state, request, intake, measured);
  if (request.scaled()) found = at::scalar_tensor(all_finite ? 0 : 1, c10::kFloat);
  if (!all_finite && policy == Policy::kError && !request.scaled()) return Outcome::kNonfinite;
  if (!all_finite && state.refuses_nonfinite(request)) {
    for (StagePlan& each : pipeline.all) {
      std::fill(each.plan.coefficients.begin(), each.plan.coefficients.end(), 0);
    }
    if (policy != Policy::kSkip) return Outcome::kSkipped;
    ++counters.skipped;
    ++counters.consecutive;
    return counters.consecutive > settings.max_consecutive_skips ? Outcome::kTooManySkips : Outcome::kSkipped;
  }

  Plan& last = pipeline.gradients().back().plan;
  CpuStep step(memories, groups, request.custom);
  if (in_one_visit(state, request)) {
    step.set_levels(last);
    cpu::advance(last, groups);
    visit(state, intake, measured);
    counters.consecutive = 0;
    return Outcome::kStepped;
  }
  const auto decide_all = [&] {
    for (StagePlan& each : pipeline.all) step.set_levels(each.plan);
    for (StagePlan& each : pipeline.gradients()) {
      step.take(each, &each == &pipeline.all.front() && measured, intake);
      // Stored gradients have passed through the intake.
      if (each.materialise) intake = {};
    }
    cpu::advance(last, groups);
    if (request.outside) gather(pipeline, groups, intake, request.outside);
    if (pipeline.updates().empty()) return;
    cpu::propose(last, groups, intake);
    for (StagePlan& each : pipeline.updates()) step.take(each, false, {});
  };
  if (asks_user(state, request)) {
    const Undo undo = undo_of(state);
    try {
      decide_all();
    } catch (...) {
      undo();
      throw;
    }
  } else {
    decide_all();
  }
  counters.consecutive = 0;

  if (pipeline.updates().empty()) {
    cpu::update(last, groups, intake, settings.write_back, request.updated);
  } else {
    cpu::settle(pipeline.updates().back().plan, last, groups, intake, request.updated);
    if (settings.write_back) cpu::clip(last, intake);
  }
  return Outcome::kStepped;
}

class CpuDriver : public Driver {
 public:
  Taken step(State& state, const Request& request) override {
    Taken taken;
    taken.outcome = take_step(state, request, taken.found);
    return taken;
  }
  bool shares() const override { return true; }
};

}  // namespace

std::unique_ptr<Driver> cpu::make_driver() { return std::make_unique<CpuDriver>(); }

}  // namespace tc::optim
