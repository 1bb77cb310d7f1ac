// One plan on the device, and the chunks of each kernel.
#pragma once

#include <array>

#include "optim/cuda/buffer.h"
#include "optim/cuda/launch.h"
#include "optim/plan.h"

namespace tc::optim::cuda {

class PlanCopy {
 public:
  // For a plan that was built anew; `items` are its own with device addresses for what they count. With `visits`, the
  // units that can be are sorted out.
  void send(const Plan& plan, const std::vector<Item>& items, const std::vector<Group>& groups, bool visits,
            c10::Device device);
  // Where its gradients lie in the next step.
  void follow(const Moving& moving) { moving_ = moving; }
  DevicePlan view() const;
  Pass pass() const;
  const std::vector<Run>& runs() const { return runs_; }
  // Brings what the kernels wrote for each unit to the host's plan.
  void receive(Plan& plan) const;
  // Copies of it on the device: norms, coefficients, thresholds.
  std::array<at::Tensor, 3> outcome() const;
  void choose(const std::vector<double>& coefficients, c10::Device device) {
    coefficients_.touched();
    coefficients_.send(coefficients, device);
  }
  std::vector<double> norms() const { return norms_.receive(); }

 private:
  void sort(const Plan& plan, const std::vector<Group>& groups, bool visits, c10::Device device);

  Buffer<Item> items_;
  Buffer<Chunk> chunks_;
  Buffer<int64_t> unit_, numel_, counts_;
  Buffer<int32_t> unit_item_, order_, others_;
  Buffer<Partial> partials_, weight_partials_;
  Buffer<double> norms_, weight_norms_, coefficients_, limits_, thresholds_, terms_, moments_;
  std::vector<Run> runs_;
  Moving moving_;
};

}  // namespace tc::optim::cuda
