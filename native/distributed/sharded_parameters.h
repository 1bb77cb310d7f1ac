// The parameters of a fully sharded module: every rank keeps a range of the elements of each, and fetches the others
// for as long as it needs them.
#pragma once

#include <ATen/core/Tensor.h>
#include <node_api.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "distributed/group.h"
#include "optim/peers.h"
#include "optim/shares.h"

namespace tc::distributed {

class ShardedParameters {
 public:
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x6673647020706172};
  static constexpr const char* kNoun = "the parameters of a fully sharded module";

  // All ranks call this with parameters that have equal values, which move into a memory of which each rank keeps its
  // part. `number` tells the modules of a group apart.
  ShardedParameters(std::shared_ptr<Group> group, const std::vector<at::Tensor>& parameters, int32_t number);

  const Group& group() const { return *group_; }
  std::optional<size_t> index_of(const at::Tensor& parameter) const;
  int64_t size() const { return int64_t(members_.size()); }
  // A parameter's elements that this rank keeps, flat, and the index of the first.
  std::pair<at::Tensor, int64_t> part(size_t index) const;
  int64_t resident() const;  // bytes of the parameters that are in memory

  // Fetches what the other ranks have, unless it is there.
  void gather();
  // Gives it back.
  void release();
  // The ranges of the parameters that `range` knows become these.
  void take_over(const std::function<std::optional<optim::Range>(const at::Tensor&, int process)>& range);

  // Before gradients arrive in a backward pass: takes away the means of earlier ones, to which those of this pass are
  // added.
  void take();
  // Begins to average the gradients that have arrived, and takes them away.
  void reduce();
  // Ends that: this rank has its part of the means.
  void settle();
  // Gives the parameters their means, once no further gradients come.
  void give();

 private:
  struct Member {
    at::Tensor value;
    const void* data;                  // where it has to lie
    std::vector<optim::Range> ranges;  // of each process
    at::Tensor mean;                   // of the gradients so far, in a memory as the parameter's; undefined: of none

    optim::Range own(int rank) const { return ranges[size_t(rank)]; }
  };
  // A gradient that is being averaged.
  struct Arrived {
    Member* member;
    at::Tensor grad, mean;
  };
  void require_place() const;
  void agree(int32_t what);

  std::shared_ptr<Group> group_;
  std::unique_ptr<optim::Peers> peers_;
  std::vector<Member> members_;
  std::vector<Arrived> arrived_;
  std::vector<std::function<void()>> pending_;
  int32_t number_;
  bool whole_ = false;
};

// From an array of objects.
std::vector<ShardedParameters*> to_sharded(napi_env env, napi_value array);

}  // namespace tc::distributed
