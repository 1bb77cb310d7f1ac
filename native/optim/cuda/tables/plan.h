// One plan on the device, and the chunks of each kernel.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "optim/cuda/kernels/launch.h"
#include "optim/cuda/tables/buffer.h"
#include "optim/plan.h"

namespace tc::optim::cuda {

// The share of a step that a device takes.
struct Share {
  std::function<bool(const Item&)> has;
  std::optional<c10::Device> home;  // the device that decides, if it is another one
};

// What describes the plan, and no kernel writes to.
struct PlanTables {
  // For a plan that has just been built. `items` are the plan's, with device addresses of their counts. Kernels are
  // started for the share's chunks. With `visits`, units that can be visited are sorted out.
  PlanTables(const Plan& plan, const std::vector<Item>& items, const std::vector<Group>& groups, bool visits,
             c10::Device device, const Share& share);
  // What the current stream is given next uses the tables.
  void use() const;

  Buffer<Item> items;
  Buffer<Chunk> chunks;
  Buffer<int64_t> unit, numel;
  Buffer<int32_t> unit_item, others;
  Buffer<Work> order, parts;
  at::Tensor own, own_at_home;  // the indices of a share's chunks, on its device and on the one that decides
  std::vector<Launch> launches;

 private:
  void sort(const Plan& plan, const std::vector<Group>& groups, bool visits, c10::Device device, const Share& share);
};

class PlanCopy {
 public:
  // As PlanTables.
  void send(const Plan& plan, const std::vector<Item>& items, const std::vector<Group>& groups, bool visits,
            c10::Device device, const Share& share);
  // For a norm of everything alone: takes tables that were made before and are known to be used in the current stream,
  // and makes room for partial sums and the norm.
  void share(std::shared_ptr<const PlanTables> tables, c10::Device device);
  // What the current stream is given next uses the tables.
  void use() const;
  // Sets where its gradients lie in the next step.
  void follow(const Moving& moving) { moving_ = moving; }
  DevicePlan view() const;
  DevicePass pass() const;
  const std::vector<Launch>& launches() const { return tables_->launches; }
  // Copies what kernels wrote for each unit to the host's plan.
  void receive(Plan& plan) const;
  // Copies of these on the device: norms, coefficients, thresholds.
  std::array<at::Tensor, 3> outcome() const;
  void choose(const std::vector<double>& coefficients) {
    coefficients_.touched();
    coefficients_.send(coefficients, device_);
  }
  std::vector<double> norms() const { return norms_.receive(); }

  // The following copy between several devices' copies of one plan, ordered by the current streams of both; the host
  // does not wait. What kernels left for the chunks of the other's items:
  void take_partials(const PlanCopy& from, bool weights);
  void take_terms(const PlanCopy& from);
  // What the home decided, or added up:
  void follow_decision(const PlanCopy& home);
  void follow_rules(const PlanCopy& home);
  void follow_moments(const PlanCopy& home);

 private:
  template <class T>
  void take(const Buffer<T>& to, const Buffer<T>& of, const PlanCopy& from) const;

  c10::Device device_ = c10::kCPU;
  std::shared_ptr<const PlanTables> tables_;
  Buffer<int64_t> counts_;
  Buffer<Partial> partials_, weight_partials_;
  Buffer<unsigned char> rules_;
  Buffer<double> norms_, weight_norms_, coefficients_, limits_, thresholds_, terms_, moments_;
  Moving moving_;
};

}  // namespace tc::optim::cuda
