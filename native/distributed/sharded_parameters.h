// The parameters of a fully sharded module: every rank keeps a range of the elements of each, and fetches the others
// for as long as it needs them.
#pragma once

#include <ATen/core/Tensor.h>
#include <node_api.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "distributed/group.h"
#include "optim/peers.h"
#include "optim/shares.h"

namespace tc::distributed {

// What a process is to keep of a parameter; nothing for one that it knows nothing of.
using RangeOf = std::function<std::optional<optim::Range>(const at::Tensor& parameter, int process)>;

class ShardedParameters {
 public:
  // All ranks call this with parameters that have equal values, which move into a memory of which each rank keeps its
  // part. `number` tells the modules of a group apart.
  ShardedParameters(std::shared_ptr<Group> group, const std::vector<at::Tensor>& parameters, int32_t number);

  const Group& group() const { return *group_; }
  bool has(const at::Tensor& parameter) const;
  const std::vector<at::Tensor>& values() const { return values_; }
  int64_t resident() const;  // bytes of the parameters that are in memory

  // Fetches what the other ranks have, unless it is there.
  void gather();
  // Begins that, for a call that is to come soon: other ranks may do so later, or not.
  void prefetch();
  // Gives it back.
  void release();
  // An optimizer shares the elements out in other ranges than before, which another one may be using.
  void require_movable(const RangeOf& range_of) const;
  void take_over(const RangeOf& range_of);

  // A backward pass: begin; reduce any number of times, when gradients have arrived, which begins to average and takes
  // them away; settle, which ends that; then give, or abandon, after which gradients are as before the pass.
  void begin();
  void reduce();
  void settle();
  void give() noexcept;
  void abandon() noexcept;
  // Which of some modules have gradients left on any rank, by their numbers: called once at the end of a pass.
  void end(std::vector<int32_t>& left);

 private:
  struct Member {
    at::Tensor value;
    const char* memory;                // where it has to lie
    std::vector<optim::Range> ranges;  // of each process
    at::Tensor before;                 // the gradient when the pass began
    at::Tensor mean;                   // what the pass has found so far

    optim::Range own(int rank) const { return ranges[size_t(rank)]; }
  };
  // Gradients that are being averaged.
  struct Means {
    std::vector<Member*> members;
    c10::ScalarType dtype;
    std::unique_ptr<optim::Averaging> averaging;
  };
  void require_place() const;
  void give_back();
  std::unique_ptr<optim::Sending> fetch() const;
  std::vector<uint32_t> versions() const;
  int32_t code(int32_t what) const;

  std::shared_ptr<Group> group_;
  std::unique_ptr<optim::Peers> peers_;
  std::vector<at::Tensor> values_;
  std::vector<Member> members_;
  std::vector<Means> pending_;
  std::unique_ptr<optim::Sending> fetching_;
  std::vector<uint32_t> fetched_;  // the parameters' versions at that time
  int32_t number_, channel_;
  bool whole_ = false;
  bool shared_out_ = false;  // by an optimizer
};

// From an array of objects.
std::vector<std::shared_ptr<ShardedParameters>> to_sharded(napi_env env, napi_value array);

}  // namespace tc::distributed
