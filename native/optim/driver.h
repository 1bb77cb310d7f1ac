// What stands between an optimizer and its device.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "optim/pipeline.h"
#include "optim/stats.h"

namespace tc::optim {

// What a gradient scaler asks of one step: gradients times `inverse`, and no step where one of them is not finite.
struct Scaling {
  at::Tensor inverse;  // one number; undefined: no scaler
  at::Tensor found;    // fp32: the driver's answer, 1 where one was not finite, else 0
};

// All that a step reads and moves beside tensors. A device may keep a copy of its own: see pull and push.
struct State {
  explicit State(Settings s) : settings(std::move(s)), pipeline(settings), memories(settings.stages.size()) {}

  Settings settings;
  Pipeline pipeline;
  std::vector<StageMemory> memories;
  std::vector<Group> groups;
  Counters counters;
  // Of the step under way:
  Outside outside;
  Scaling scaling;

  bool scaled() const { return scaling.inverse.defined(); }
  bool refuses_nonfinite() const {
    return scaled() || settings.policy == Policy::kSkip || settings.policy == Policy::kError;
  }
};

class Driver {
 public:
  virtual ~Driver() = default;

  // Takes a step: norms, decisions, and the update of parameters, state, memories and step counts; all or nothing.
  virtual Outcome step(State& state, const Custom& custom) = 0;
  // Brings the host's copy up to date: memories, counters, what the plans' vectors hold, and the items' counts and
  // scalars.
  virtual void pull(State&) {}
  // The host's copy has been replaced.
  virtual void push(const State&) {}
  // Waits for nothing.
  virtual Stats stats(const State& state, size_t stage) const { return stats_of(state, stage); }
  // Whether a graph has steps of this driver, which it may take at any time.
  virtual bool captured() const { return false; }
  // Its next replay is to find the groups' present options; waits for nothing.
  virtual void refresh(const State&) {}
};

std::unique_ptr<Driver> make_driver(c10::Device device);
// Whether what is started on the device now becomes part of a graph instead of being run.
bool capturing(c10::Device device);

}  // namespace tc::optim
