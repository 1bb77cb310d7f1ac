// The interface between an optimizer and its device.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <vector>

#include "optim/peers.h"
#include "optim/pipeline.h"
#include "optim/shares.h"
#include "optim/stats.h"

namespace tc::optim {

// Asks the caller for the coefficients of a stage with a custom clipper; may throw.
using Custom = std::function<std::vector<double>(size_t stage, const Plan& plan)>;
// Replaces the clipped gradients, which the rule Gather has stored in the first state tensor of each parameter, by the
// new parameters, which the rule Adopt then copies; may throw. lib/optim/base/tensor-level.ts describes the whole step.
using Outside = std::function<void()>;

// The request for one step.
struct Request {
  Custom custom;    // answers for stages whose clipper asks the host
  Outside outside;  // not empty: computes the step of groups with the rule Adopt
  // Defined: a gradient scaler's step. Gradients are multiplied by this one number first, and no step is taken where
  // one of them is not finite.
  at::Tensor inverse;
  Updated updated;  // may be empty

  bool scaled() const { return inverse.defined(); }
};

// The result of one step.
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
  // If the elements are shared out among processes: these, and who has which.
  std::shared_ptr<Peers> peers;
  Shares shares;

  // Whether this step must not be taken with non-finite gradients.
  bool refuses_nonfinite(const Request& request) const {
    return request.scaled() || settings.policy == Policy::kSkip || settings.policy == Policy::kError;
  }
};

// Whether user code takes part in a step.
bool asks_user(const State& state, const Request& request);

class Driver {
 public:
  virtual ~Driver() = default;

  // Takes a step, all of it or nothing: norms, decisions, and the update of parameters, state, stage memories and step
  // counts.
  virtual Taken step(State& state, const Request& request) = 0;
  // Updates the host's copy of the stage memories, the counters, the vectors of the plans, and the items' counts and
  // scalars.
  virtual void pull(State&) {}
  // The host's copy has been replaced: the device must take it over.
  virtual void push(const State&) {}
  // Does not wait for the device.
  virtual Stats stats(const State& state, size_t stage) const { return stats_of(state, stage); }
  // Whether a graph has captured steps of this driver, and so may replay them at any time.
  virtual bool captured() const { return false; }
  // Whether it takes steps whose elements are shared out among processes.
  virtual bool shares() const { return false; }
  // Sends the groups' current options to the next replay, without waiting.
  virtual void refresh(const State&) {}
};

std::unique_ptr<Driver> make_driver(c10::Device device);
// Whether work started on the device now is captured into a graph instead of run.
bool capturing(c10::Device device);

}  // namespace tc::optim
