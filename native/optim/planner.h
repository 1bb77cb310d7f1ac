// Determines what a step visits: turns parameters and their gradients into the items of the pipeline's plans.
#pragma once

#include <ATen/core/Tensor.h>

#include <deque>
#include <optional>
#include <vector>

#include "optim/arena.h"
#include "optim/driver.h"

namespace tc::optim {

struct ParameterState {
  int64_t step = 0;
  at::Tensor slot[kMaxSlots];
  double scalar[kMaxScalars] = {};
};

struct Parameter {
  at::Tensor value;
  int32_t group = 0;
  ParameterState state;
  c10::ScalarType dtype = c10::ScalarType::Float;
  std::vector<int64_t> layout;       // the strides of everything the kernels see
  std::vector<int64_t> strides;      // the parameter's own
  std::vector<int64_t> sizes;        // if the elements are shared out: those that all processes know
  bool contiguous = false;           // whether they are the row-major ones
  at::Tensor value_copy, grad_copy;  // stand-ins for tensors that have another layout
  at::Tensor clipped, update;        // intermediate results between stages
  std::vector<at::Tensor> elements;  // per stage, if its clipper acts on elements
  // If the elements are shared out among processes: the reals of this one, in the order of the layout. State and
  // intermediate results are then flat, and hold these alone.
  std::optional<Range> own;
  at::Tensor
      mean;  // if defined: the mean of the processes' gradients, likewise, which a step visits instead of its own
};

// Adds, for each process, where its reals of a parameter lie in a memory of such elements that begins at `data`; null
// stands for zeros.
void add_parts(Parts& parts, const Shares& shares, size_t parameter, c10::ScalarType dtype, void* data);

class Planner {
 public:
  // Both must stay where they are, because items point into them.
  Planner(State& state, std::deque<Parameter>& parameters);
  Planner(const Planner&) = delete;
  Planner& operator=(const Planner&) = delete;

  // Whether there are plans.
  bool planned() const { return planned_; }
  // The plans no longer hold: the next step has to rebuild them.
  void forget() { planned_ = false; }
  // Whether the plans still fit the tensors; updates the addresses of gradients, and the copies that are visited
  // instead of tensors, on the way.
  bool revalidate();
  // Whether, in the middle of a step, the tensors are still where the plans have them.
  bool holds() { return staged_ ? untouched() : revalidate(); }
  // Builds the plans, allocating missing state. Throws for tensors that cannot be visited, and leaves no plans then.
  void rebuild();

  // The strides in which a parameter and its state are visited.
  std::vector<int64_t> layout_of(const at::Tensor& value) const;
  // What a step visits of a parameter: the tensor or its copy.
  static const at::Tensor& value_of(const Parameter& parameter) {
    return parameter.value_copy.defined() ? parameter.value_copy : parameter.value;
  }
  // By how much a plan of shared elements has to be cut.
  Shares::Cuts cuts() const;
  // Refuses a parameter that is no longer what its elements were shared out for.
  static void require_as_shared(const Parameter& parameter, at::IntArrayRef layout);
  // Allocates what the rule keeps of a parameter that is updated outside of the plans.
  void keep_state(Parameter& parameter);

  // The parameter of each item: those with a gradient.
  const std::vector<size_t>& members() const { return members_; }
  // Whether some parameter or gradient is visited as a copy.
  bool staged() const { return staged_; }

 private:
  static bool same_layout(const Parameter& parameter, const at::Tensor& grad);
  bool follow_copies(const Parameter& parameter, const at::Tensor& grad) const;
  bool untouched() const;
  Item prepare(Parameter& parameter, Arena* arenas);
  void cut(StagePlan& into, std::vector<Item> items);

  State& state_;
  std::deque<Parameter>& parameters_;
  std::vector<size_t> members_;
  bool planned_ = false;
  bool staged_ = false;
  bool by_row_ = false;  // some stage's unit is a row, so that rows must lie together
};

}  // namespace tc::optim
