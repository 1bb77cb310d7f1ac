// One plan on the device, and the chunks of each kernel.
#pragma once

#include <array>
#include <functional>
#include <optional>

#include "optim/cuda/kernels/launch.h"
#include "optim/cuda/tables/buffer.h"
#include "optim/plan.h"

namespace tc::optim::cuda {

// Which part of a step a device takes.
struct Share {
  std::function<bool(const Item&)> has;
  std::optional<c10::Device> home;  // the device that decides, where that is another one
};

class PlanCopy {
 public:
  // For a new plan; `items` are its own with device addresses for what they count. Kernels are started
  // for the share's chunks. With `visits`, the units that can be are sorted out.
  void send(const Plan& plan, const std::vector<Item>& items, const std::vector<Group>& groups, bool visits,
            c10::Device device, const Share& share);
  // Where its gradients lie in the next step.
  void follow(const Moving& moving) { moving_ = moving; }
  DevicePlan view() const;
  Pass pass() const;
  const std::vector<Launch>& launches() const { return launches_; }
  // Brings what the kernels wrote for each unit to the host's plan.
  void receive(Plan& plan) const;
  // Copies of it on the device: norms, coefficients, thresholds.
  std::array<at::Tensor, 3> outcome() const;
  void choose(const std::vector<double>& coefficients) {
    coefficients_.touched();
    coefficients_.send(coefficients, device_);
  }
  std::vector<double> norms() const { return norms_.receive(); }

  // Between the copies that several devices have of one plan, behind the current streams of both; nothing waits.
  // What kernels left for the chunks of the other's items:
  void take_partials(const PlanCopy& from, bool weights);
  void take_terms(const PlanCopy& from);
  // What was decided there, or added up:
  void follow_decision(const PlanCopy& home);
  void follow_moments(const PlanCopy& home);

 private:
  void sort(const Plan& plan, const std::vector<Group>& groups, bool visits, const Share& share);
  template <class T>
  void take(const Buffer<T>& to, const Buffer<T>& of, const PlanCopy& from) const;

  c10::Device device_ = c10::kCPU;
  Buffer<Item> items_;
  Buffer<Chunk> chunks_;
  Buffer<int64_t> unit_, numel_, counts_;
  Buffer<int32_t> unit_item_, order_, others_;
  at::Tensor own_, own_at_home_;  // the indices of a share's chunks, on its device and on the one that decides
  Buffer<Partial> partials_, weight_partials_;
  Buffer<double> norms_, weight_norms_, coefficients_, limits_, thresholds_, terms_, moments_;
  std::vector<Launch> launches_;
  Moving moving_;
};

}  // namespace tc::optim::cuda
