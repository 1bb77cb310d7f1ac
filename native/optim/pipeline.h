// The stages of an optimizer's clipping, in the order in which they run. Each has its own plan, because its scope
// determines how the gradients are divided into units.
#pragma once

#include <span>
#include <vector>

#include "optim/plan.h"
#include "optim/settings.h"
#include "optim/stage_memory.h"

namespace tc::optim {

struct StagePlan {
  const Stage* stage;  // in Settings::stages; null: nothing is clipped
  size_t index;        // the stage's index there, if any
  bool materialise;    // the clipped gradient is stored before the next stage looks at it
  Plan plan;
};

class Pipeline {
 public:
  // Keeps pointers into the settings, which must outlive it and must not move.
  explicit Pipeline(const Settings& settings);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Never empty. The clipping of the last one is fused into the update, unless there are `updates`.
  std::span<StagePlan> gradients() { return std::span(all).first(gradients_); }
  std::span<const StagePlan> gradients() const { return std::span(all).first(gradients_); }
  // Stages that look at the update; the clipping of the last one is fused into writing the parameters.
  std::span<StagePlan> updates() { return std::span(all).subspan(gradients_); }
  std::span<const StagePlan> updates() const { return std::span(all).subspan(gradients_); }

  const Plan& plan_of(size_t stage) const;

  std::vector<StagePlan> all;  // those of gradients come first
  uint64_t generation = 0;     // the number of times that the plans were built

 private:
  void append(const std::vector<Stage>& stages, size_t first, size_t last, bool store_all);

  size_t gradients_ = 0;
};

}  // namespace tc::optim
