// An optimizer: parameter groups, their state, and one step as two passes over the plan.
#pragma once

#include <ATen/core/Tensor.h>

#include <deque>
#include <memory>
#include <vector>

#include "optim/arena.h"
#include "optim/driver.h"

namespace tc::optim {

// A group's settings arrive as a row of doubles: the rule's index in the table, maximize, then the hyperparameters.
inline constexpr int kRow = 2 + kMaxHyper;

struct ParameterState {
  int64_t step = 0;
  at::Tensor slot[kMaxSlots];
  double scalar[kMaxScalars] = {};
};

// What a stage remembers, with the tensors of a clipper that acts on elements: one a parameter, or none.
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

  // Takes one row per group. Throws before anything has moved. A scaled request without any gradient takes no step and
  // gets no answer.
  Taken step(const double* rows, const Request& request);
  void zero_grad(bool set_to_none);
  // Before a graph takes steps that it has captured: they go by these rows, unless those name other rules.
  void refresh(const double* rows);

  // Brings what is read below up to date, where the device has its own copy.
  void pull() {
    if (driver_) driver_->pull(state_);
  }
  // A parameter that has taken no step has no state: step 0.
  const ParameterState& state(size_t parameter) const { return parameters_[parameter].state; }
  size_t stages() const { return state_.settings.stages.size(); }
  const Stage& stage(size_t k) const { return state_.settings.stages[k]; }
  StageState stage_state(size_t k) const;
  // Copies all states, in the order of the parameters and of the stages, or throws and changes nothing.
  void load(const std::vector<ParameterState>& states, Counters counters, const std::vector<StageState>& stages);
  int64_t state_bytes() const { return state_bytes_; }
  Counters counters() const { return state_.counters; }

  Stats stats(size_t stage) const { return driver_ ? driver_->stats(state_, stage) : stats_of(state_, stage); }

 private:
  struct Parameter {
    at::Tensor value;
    int32_t group;
    ParameterState state;
    c10::ScalarType dtype;
    std::vector<int64_t> layout;       // the strides of everything the kernels see
    bool contiguous;                   // whether they are the row-major ones
    at::Tensor value_copy, grad_copy;  // stand-ins for what has another layout
    at::Tensor clipped, update;        // what stages hand to one another
    std::vector<at::Tensor> elements;  // of each stage, where its clipper acts on elements
  };

  void read(const double* rows);
  static bool same_layout(const Parameter& parameter, const at::Tensor& grad);
  bool revalidate();
  bool untouched() const;
  void rebuild();
  void publish();
  Item prepare(Parameter& parameter, Arena* arenas);
  void require_idle() const;
  void cut(StagePlan& into, std::vector<Item> items);
  void retire();

  State state_;
  std::unique_ptr<Driver> driver_;    // null until the first step says where the parameters lie
  c10::Device device_ = c10::kCPU;    // its driver's
  std::deque<Parameter> parameters_;  // items point into it
  std::vector<size_t> members_;       // the parameter of each item
  // What graphs read and write in their replays, of plans that are no more.
  std::vector<std::pair<std::unique_ptr<Driver>, std::deque<Parameter>>> retired_;
  bool planned_ = false;
  bool staged_ = false;    // some parameter or gradient is visited as a copy
  bool by_row_ = false;    // some stage's unit is a row, so that rows must lie together
  bool stepping_ = false;  // the user's code is being asked
  int64_t state_bytes_ = 0;
};

}  // namespace tc::optim
