// What stands between an optimizer and its device.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <vector>

#include "optim/pipeline.h"
#include "optim/stats.h"

namespace tc::optim {

// Asks the caller for the coefficients of a stage whose clipper is the caller's; it may throw.
using Custom = std::function<std::vector<double>(size_t stage, const Plan& plan)>;
// Replaces the clipped gradients, in the first state tensor of each parameter, by the parameters that the rule Adopt is
// to take; it may throw.
using Outside = std::function<void()>;

// What the caller asks of one step.
struct Request {
  Custom custom;    // answers for stages whose clipper asks the host
  Outside outside;  // not empty: computes the step of groups with the rule Adopt
  // Defined: a gradient scaler's step. Gradients are multiplied by this one number first, and no step is taken where
  // one of them is not finite.
  at::Tensor inverse;

  bool scaled() const { return inverse.defined(); }
};

// What came of it.
struct Taken {
  Outcome outcome;
  at::Tensor found;  // for a scaled request: fp32, on the driver's device, 1 where a gradient was not finite, else 0
};

// Everything that a step reads and changes beside tensors. A device may keep a copy of its own: see pull and push.
struct State {
  explicit State(Settings s) : settings(std::move(s)), pipeline(settings), memories(settings.stages.size()) {}

  Settings settings;
  Pipeline pipeline;
  std::vector<StageMemory> memories;
  std::vector<Group> groups;
  Counters counters;
  int64_t state_bytes = 0;  // of the parameters' state tensors

  // Whether this step is not to be taken with gradients that are not finite.
  bool refuses_nonfinite(const Request& request) const {
    return request.scaled() || settings.policy == Policy::kSkip || settings.policy == Policy::kError;
  }
};

// Whether the user's code takes part in a step.
bool asks_user(const State& state, const Request& request);

class Driver {
 public:
  virtual ~Driver() = default;

  // Takes a step: norms, decisions, and the update of parameters, state, memories and step counts; all or nothing.
  virtual Taken step(State& state, const Request& request) = 0;
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
