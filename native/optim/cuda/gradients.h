// Norms and clipping of a list of tensors on the device, for optim/gradients.h. Only `all_finite` waits.
#pragma once

#include "optim/cuda/tables/plan.h"

namespace tc::optim::cuda {

class Gradients {
 public:
  // The plan has one unit.
  Gradients(const Plan& plan, c10::Device device);

  // The p-norm of all elements, fp64, without dimensions.
  at::Tensor norm(double p);
  // Whether the last norm's elements were all finite.
  bool all_finite() const { return control_.receive().front().nonfinite == 0; }
  // Multiplies by a coefficient, a fp64 tensor of one element, and clamps.
  void clip(const at::Tensor& coefficient, double limit);

 private:
  c10::Device device_;
  PlanCopy plan_;
  Buffer<void*> addresses_;
  Buffer<Control> control_;
};

}  // namespace tc::optim::cuda
