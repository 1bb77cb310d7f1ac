// An optimizer: parameter groups, their state, and the steps that its driver takes.
#pragma once

#include <ATen/core/Tensor.h>

#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "optim/means.h"
#include "optim/planner.h"

namespace tc::optim {

// A group's settings arrive as so many doubles: the rule's index in the table, maximize, then the hyperparameters.
inline constexpr int kGroupLength = 2 + kMaxHyper;

// What a stage remembers, with the tensors of a clipper that acts on elements: one per parameter, or none.
struct StageState {
  StageMemory memory;
  std::vector<at::Tensor> elements;
};

class Optimizer {
 public:
  explicit Optimizer(Settings settings);

  // Refuses parameters that cannot be updated in place, and any that the optimizer has already.
  void add_group(const std::vector<at::Tensor>& parameters);
  size_t groups() const { return state_.groups.size(); }
  size_t parameters() const { return parameters_.size(); }
  const at::Tensor& value(size_t parameter) const { return parameters_[parameter].value; }

  // Takes kGroupLength numbers per group. Throws before anything has changed. A scaled request without any gradient
  // takes no step and gets no answer.
  Taken step(const double* groups, const Request& request);
  // Counts a step of one parameter that the caller takes outside of the engine, after an ordinary one has brought the
  // settings: its state exists then. Returns the count.
  int64_t advance(size_t parameter);
  void zero_grad(bool set_to_none);
  // Shares the elements out among processes. All of them call this together, with equal parameters, groups and settings
  // (compared by `signature`); from then on they must also call step, the states and load together. With `average` a
  // step takes the mean of the processes' gradients; otherwise these must be equal.
  // Each block of parameters (by its number, for each parameter; none: all) is shared out for itself.
  void share(std::shared_ptr<Peers> peers, bool average, const std::string& signature,
             const std::vector<size_t>& blocks);
  // Numbers the blocks that are sent one after the other, for parameters that have none yet.
  void divide(int processes, std::vector<size_t>& blocks) const;
  // How it would share them out.
  Shares shares_of(int processes, const std::vector<size_t>& blocks) const;
  bool shared() const { return state_.peers != nullptr; }
  // The part of a parameter's reals that belongs to this process, all without others.
  Range own(size_t parameter) const;
  // The same in elements, and the strides that tell their order.
  std::pair<Range, std::vector<int64_t>> part(size_t parameter) const;
  // A backward pass has added to a gradient, whose mean may be begun.
  void arrived(size_t parameter) {
    if (means_) means_->arrived(parameter);
  }
  std::pair<int64_t, int64_t> early() const { return means_ ? means_->early() : std::pair<int64_t, int64_t>(); }
  // Takes this process's part in a step of the others that it cannot take: theirs fail.
  void fail();
  // Before a graph takes steps that it has captured: they use these settings, unless those name other rules.
  void refresh(const double* groups);

  // Brings what is read below up to date, where the device has its own copy.
  void pull() {
    if (driver_) driver_->pull(state_);
  }
  // A parameter that has taken no step has no state: step 0.
  const ParameterState& state(size_t parameter) const { return parameters_[parameter].state; }
  // The same of all parameters, with whole tensors where the elements are shared.
  std::vector<ParameterState> whole_states() const;
  size_t stages() const { return state_.settings.stages.size(); }
  const Stage& stage(size_t k) const { return state_.settings.stages[k]; }
  StageState stage_state(size_t k) const;  // with whole tensors
  // Copies all states, in the order of the parameters and of the stages, or throws and changes nothing.
  void load(const std::vector<ParameterState>& states, Counters counters, const std::vector<StageState>& stages);
  int64_t state_bytes() const { return state_.state_bytes; }
  Counters counters() const { return state_.counters; }

  Stats stats(size_t stage) const { return driver_ ? driver_->stats(state_, stage) : stats_of(state_, stage); }

 private:
  void read(const double* groups);
  void plan(const double* groups);
  void rebuild();
  void meet(const double* groups, bool scaled);
  // What processes that share an optimizer are about to do together.
  enum Together : int32_t { kStep, kState, kStage, kTogether };
  void meet_others(Together what) const;
  uint64_t fingerprint(const double* groups, bool scaled) const;
  void together(const char* what, const std::function<void()>& body) const;
  void agree(std::vector<int32_t>& numbers, std::exception_ptr failure, uint64_t print, const char* what) const;
  at::Tensor whole_of(size_t parameter, const at::Tensor& own, Parts& parts) const;
  void publish();
  void require_idle() const;
  void retire();

  State state_;
  std::deque<Parameter> parameters_;
  Planner planner_;
  // Of a shared optimizer: the block of each parameter, the first of their channels, and the means, unless gradients
  // are means already.
  std::vector<size_t> blocks_;
  int32_t channel_ = 0;
  std::unique_ptr<Means> means_;
  std::unique_ptr<Driver> driver_;  // null until the first step says where the parameters lie
  c10::Device device_ = c10::kCPU;  // its driver's
  // What graphs read and write in their replays, of plans that no longer exist.
  std::vector<std::pair<std::unique_ptr<Driver>, std::deque<Parameter>>> retired_;
  bool stepping_ = false;  // the user's code is being asked
};

}  // namespace tc::optim
