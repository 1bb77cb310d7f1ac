// An optimizer: parameter groups, their state, and one step as two passes over the plan.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "optim/plan.h"
#include "optim/settings.h"

namespace tc::optim {

// A group's settings arrive as a row of doubles: the rule's place in the table, maximize, then the hyperparameters.
inline constexpr int kRow = 2 + kMaxHyper;

struct ParameterState {
  int64_t step = 0;
  at::Tensor slot[kMaxSlots];
};

class Optimizer {
 public:
  explicit Optimizer(Settings settings);

  // Refuses parameters that cannot be updated in place, and any that the optimizer has already.
  void add_group(const std::vector<at::Tensor>& parameters);
  size_t groups() const { return groups_.size(); }
  size_t parameters() const { return parameters_.size(); }

  // Takes one row a group. Throws before anything has moved.
  Outcome step(const double* rows);
  void zero_grad(bool set_to_none);

  // A parameter that has taken no step has no state: step 0.
  const ParameterState& state(size_t parameter) const { return parameters_[parameter].state; }
  // Copies all states, in the order of the parameters, or throws and changes nothing.
  void load(const std::vector<ParameterState>& states);
  int64_t state_bytes() const { return state_bytes_; }
  Counters counters() const { return counters_; }
  void load(Counters counters) { counters_ = counters; }

  // The last step's norms before clipping and coefficients in fp64, one a unit of the scope, without a dimension for
  // the global scope. The norm is NaN where none was needed; the coefficient of a skipped step is 0.
  at::Tensor norm() const { return per_unit(plan_.norms); }
  at::Tensor coefficient() const { return per_unit(plan_.coefficients); }
  // How many steps were skipped, int64.
  at::Tensor skipped() const;

 private:
  struct Parameter {
    at::Tensor value;
    int32_t group;
    ParameterState state;
    c10::ScalarType dtype;
    std::vector<int64_t> layout;       // the strides of everything the kernels see
    bool contiguous;                   // whether they are the row-major ones
    at::Tensor value_copy, grad_copy;  // stand-ins for what has another layout
  };

  void read(const double* rows);
  static bool same_layout(const Parameter& parameter, const at::Tensor& grad);
  bool revalidate();
  void rebuild();
  void publish();
  Item prepare(Parameter& parameter);
  int32_t unit_of(size_t index) const;
  at::Tensor per_unit(const std::vector<double>& values) const;

  Settings settings_;
  std::vector<Parameter> parameters_;
  std::vector<Group> groups_;
  Plan plan_;
  std::vector<size_t> members_;  // the parameter of each item
  bool planned_ = false;
  bool staged_ = false;  // some parameter or gradient is visited as a copy
  int64_t state_bytes_ = 0;
  Counters counters_;
};

}  // namespace tc::optim
