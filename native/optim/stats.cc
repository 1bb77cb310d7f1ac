#include "optim/stats.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>

#include "optim/driver.h"

namespace tc::optim {
namespace {

template <class Values>
at::Tensor tensor_of(const Values& values, bool scalar) {
  std::vector<int64_t> shape;
  if (!scalar) shape.push_back(int64_t(values.size()));
  const at::Tensor out = at::empty(shape, at::TensorOptions().dtype(c10::kDouble));
  std::copy(values.begin(), values.end(), out.mutable_data_ptr<double>());
  return out;
}

}  // namespace

Scope scope_of(const Settings& settings, size_t stage) {
  return settings.stages.empty() ? Scope::kGlobal : settings.stages[stage].scope;
}

Stats stats_of(const State& state, size_t stage) {
  const Plan& plan = state.pipeline.plan_of(stage);
  const bool scalar = scope_of(state.settings, stage) == Scope::kGlobal;
  const StageMemory none;
  const StageMemory& memory = state.memories.empty() ? none : state.memories[stage];
  const double share = memory.decisions == 0 ? 0 : double(memory.clipped) / double(memory.decisions);
  return {tensor_of(plan.norms, scalar),
          tensor_of(plan.coefficients, scalar),
          tensor_of(plan.thresholds, scalar),
          at::scalar_tensor(share, c10::kDouble),
          tensor_of(memory.tap, false),
          {},
          at::scalar_tensor(state.counters.skipped, c10::kLong)};
}

}  // namespace tc::optim
