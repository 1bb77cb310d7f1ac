// Gloo for ranks that all run this package.
#pragma once

#include <c10/util/ScopeExit.h>

#include <exception>
#include <string>
#include <string_view>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>
#include <vector>

#include "distributed/comparison.h"

namespace tc::distributed {

// A group's part of a store, which Gloo keeps as long as it has calls under way.
class Meeting : public c10d::PrefixStore {
 public:
  using PrefixStore::PrefixStore;
  // When nobody asks for anything any more.
  void let_go() { store_ = c10::make_intrusive<c10d::HashStore>(); }
};

// Gloo ends the process of a rank whose tensor is smaller than what another one sends. Here a call's channel is made
// from what all ranks must say of it, so that calls that differ never meet, and `Comparison` tells that they do.
class CheckedGloo : public c10d::ProcessGroupGloo {
 public:
  using WorkPtr = c10::intrusive_ptr<c10d::Work>;
  using Tensors = std::vector<at::Tensor>;

  CheckedGloo(const c10::intrusive_ptr<Meeting>& store, int rank, int size, c10::intrusive_ptr<Options> options)
      : ProcessGroupGloo(store, rank, size, std::move(options)), meeting_(store) {}

  // That of a group, or null: NCCL's, and groups that other code has made, have none.
  static CheckedGloo* of(const c10d::ProcessGroup& group);

  // From here on, on all ranks before their first call. PyTorch's own ranks use the channels of c10d.
  void compare();
  // Throws where this rank has been told that the ranks call different things.
  void require_same() const;
  // What they have been found to call, or null; what waits goes on until its time-out.
  std::exception_ptr difference() const { return comparison_ ? comparison_->error() : nullptr; }
  // Ends what is under way, if only because ranks differ, and lets go of the store.
  void leave();

  // Issues a collective that goes by that name where ranks are told what they call; all ranks give it the same.
  template <class Issue>
  WorkPtr named(std::string_view name, const Issue& issue) {
    const auto outer = std::exchange(outer_, name);
    const auto back = c10::make_scope_exit([&] { outer_ = outer; });
    return issue();
  }

  WorkPtr broadcast(Tensors& tensors, const c10d::BroadcastOptions& opts) override;
  WorkPtr allreduce(Tensors& tensors, const c10d::AllreduceOptions& opts) override;
  WorkPtr reduce(Tensors& tensors, const c10d::ReduceOptions& opts) override;
  WorkPtr _reduce_scatter_base(at::Tensor& output, at::Tensor& input, const c10d::ReduceScatterOptions& opts) override;
  WorkPtr _allgather_base(at::Tensor& output, at::Tensor& input, const c10d::AllgatherOptions& opts) override;
  WorkPtr allgather(std::vector<Tensors>& outputs, Tensors& inputs, const c10d::AllgatherOptions& opts) override;
  WorkPtr gather(std::vector<Tensors>& outputs, Tensors& inputs, const c10d::GatherOptions& opts) override;
  WorkPtr scatter(Tensors& outputs, std::vector<Tensors>& inputs, const c10d::ScatterOptions& opts) override;
  WorkPtr reduce_scatter(Tensors& outputs, std::vector<Tensors>& inputs,
                         const c10d::ReduceScatterOptions& opts) override;
  WorkPtr alltoall_base(at::Tensor& output, at::Tensor& input, std::vector<int64_t>& output_counts,
                        std::vector<int64_t>& input_counts, const c10d::AllToAllOptions& opts) override;
  WorkPtr barrier(const c10d::BarrierOptions& opts) override;
  void monitoredBarrier(const c10d::BarrierOptions& opts, bool wait_all_ranks) override;
  WorkPtr send(Tensors& tensors, int to, int tag) override;
  WorkPtr recv(Tensors& tensors, int from, int tag) override;
  WorkPtr recvAnysource(Tensors& tensors, int tag) override;

 private:
  template <class Say, class Issue>
  WorkPtr collective(bool on_host, const Say& say, const Issue& issue);
  void choose_channel(uint64_t place, std::string_view call);
  int channel_of(const Tensors& tensors, int tag) const;

  const c10::intrusive_ptr<Meeting> meeting_;
  std::shared_ptr<Comparison> comparison_;
  std::string_view outer_;  // what the next collective goes by: one that is made of others, or a given name
};

}  // namespace tc::distributed
