// The stages of an optimizer's clipping in the order they run: each has a plan of its own, since its scope says how the
// gradients are cut.
#pragma once

#include <span>
#include <vector>

#include "optim/memory.h"
#include "optim/plan.h"
#include "optim/settings.h"

namespace tc::optim {

struct StagePlan {
  const Stage* stage;  // in Settings::stages; null: nothing is clipped
  size_t index;        // the stage's index there, where there is one
  bool materialise;    // the clipped gradient is stored before the next stage looks at it
  Plan plan;
};

class Pipeline {
 public:
  // Points into the settings, which must outlive it and stay where they are.
  explicit Pipeline(const Settings& settings);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Never empty; the last one's clipping is part of the update, unless there are `updates`.
  std::span<StagePlan> gradients() { return std::span(all).first(gradients_); }
  std::span<const StagePlan> gradients() const { return std::span(all).first(gradients_); }
  // For clippers that look at the update; the last one's clipping is part of it.
  std::span<StagePlan> updates() { return std::span(all).subspan(gradients_); }
  std::span<const StagePlan> updates() const { return std::span(all).subspan(gradients_); }

  const Plan& plan_of(size_t stage) const;

  std::vector<StagePlan> all;  // those of the gradient first
  uint64_t generation = 0;     // counts the times that the plans were built

 private:
  void append(const std::vector<Stage>& stages, size_t first, size_t last, bool store_all);

  size_t gradients_ = 0;
};

}  // namespace tc::optim
