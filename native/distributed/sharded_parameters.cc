#include "distributed/sharded_parameters.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <utility>

#include "distributed/peers.h"
#include "error.h"
#include "optim/partial_memory.h"
#include "optim/tensor_view.h"

namespace tc::distributed {
namespace {

using optim::Parts;
using optim::Range;
using optim::Shares;

// What ranks are about to do together with a module.
enum Together : int32_t { kGather, kReduce, kEnd, kKinds };

void add_parts(Parts& parts, const std::vector<Range>& ranges, const at::Tensor& tensor, char* memory) {
  const int64_t size = int64_t(tensor.element_size()) / (tensor.is_complex() ? 2 : 1);
  for (size_t r = 0; r < ranges.size(); ++r) {
    if (ranges[r].length() > 0) parts[r].push_back({memory + ranges[r].begin * size, ranges[r].length() * size});
  }
}

int64_t elements(Range reals, const at::Tensor& of) { return reals.length() / (of.is_complex() ? 2 : 1); }

at::Tensor& grad_of(const at::Tensor& parameter) { return parameter.mutable_grad(); }

}  // namespace

ShardedParameters::ShardedParameters(std::shared_ptr<Group> group, const std::vector<at::Tensor>& parameters,
                                     int32_t number)
    : group_(std::move(group)),
      peers_(peers_of(group_, "a fully sharded module")),
      values_(parameters),
      number_(number),
      channel_(peers_->reserve(1)) {
  const at::NoGradGuard no_grad;
  std::vector<Shares::Size> sizes;
  for (const at::Tensor& p : parameters) sizes.push_back({optim::reals(p), 1});
  const Shares shares(peers_->size(), sizes, {false, true});
  std::vector<Range> kept;
  for (size_t k = 0; k < parameters.size(); ++k) kept.push_back(shares.of(k, peers_->rank()));
  const std::vector<at::Tensor> made = optim::partial_like(parameters, kept);
  for (size_t k = 0; k < parameters.size(); ++k) {
    Member member{parameters[k], optim::memory_of(made[k]), {}, {}, {}};
    for (int r = 0; r < peers_->size(); ++r) member.ranges.push_back(shares.of(k, r));
    optim::kept_part(made[k]).copy_(optim::flat_part(parameters[k].detach(), kept[k].begin, kept[k].end));
    members_.push_back(std::move(member));
  }
  for (size_t k = 0; k < parameters.size(); ++k) members_[k].value.set_data(made[k]);
}

bool ShardedParameters::has(const at::Tensor& parameter) const {
  return std::any_of(values_.begin(), values_.end(), [&](const at::Tensor& each) { return each.is_same(parameter); });
}

int64_t ShardedParameters::resident() const {
  require_place();
  int64_t bytes = 0;
  for (const Member& member : members_) bytes += optim::resident_bytes(member.value);
  return bytes;
}

// Their memory is read and written by its address.
void ShardedParameters::require_place() const {
  for (const Member& member : members_) {
    if (optim::is_partial(member.value) && optim::memory_of(member.value) == member.memory) continue;
    throw Error("ERR_STATE",
                "the parameters of a fully sharded module must stay where they are: convert or move the module before "
                "fullyShard()");
  }
}

int32_t ShardedParameters::code(int32_t what) const { return 1 + number_ * kKinds + what; }

void ShardedParameters::gather() {
  if (whole_) return;
  require_place();
  const bool changed = fetching_ != nullptr && fetched_ != versions();
  const optim::Peers::Facts any = peers_->meet(code(kGather), {fetching_ != nullptr, changed});
  // What one rank has begun all end.
  if (any.first && fetching_ == nullptr) fetching_ = fetch();
  if (const auto fetching = std::move(fetching_)) fetching->finish();
  if (!any.first || any.second) fetch()->finish();
  for (const Member& member : members_) optim::open(member.value);
  whole_ = true;
}

void ShardedParameters::prefetch() {
  if (whole_ || fetching_ != nullptr || peers_->size() == 1) return;
  require_place();
  fetched_ = versions();
  fetching_ = fetch();
}

std::unique_ptr<optim::Sending> ShardedParameters::fetch() const {
  Parts parts(size_t(peers_->size()));
  for (const Member& member : members_) {
    add_parts(parts, member.ranges, member.value, optim::memory_of(member.value));
  }
  return peers_->spread(std::move(parts), channel_);
}

std::vector<uint32_t> ShardedParameters::versions() const {
  std::vector<uint32_t> versions;
  for (const Member& member : members_) {
    versions.push_back(member.value.unsafeGetTensorImpl()->version_counter().current_version());
  }
  return versions;
}

void ShardedParameters::give_back() {
  for (const Member& member : members_) optim::keep_only(member.value, member.own(peers_->rank()));
  whole_ = false;
}

void ShardedParameters::release() {
  require_place();
  give_back();
}

void ShardedParameters::require_movable(const RangeOf& range_of) const {
  for (const Member& member : members_) {
    for (size_t r = 0; r < member.ranges.size(); ++r) {
      const auto found = range_of(member.value, int(r));
      if (!found || (found->begin == member.ranges[r].begin && found->end == member.ranges[r].end)) continue;
      const at::Tensor& grad = grad_of(member.value);
      if (grad.defined() && optim::is_partial(grad)) {
        throw Error("ERR_STATE", "optim.shard() must come before the backward pass of a fully sharded module");
      }
      if (shared_out_) {
        throw Error("ERR_STATE",
                    "another optimizer has shared out the parameters of a fully sharded module, under clippers of "
                    "other scopes: use clippers of the same scopes, or make the module anew");
      }
    }
  }
}

void ShardedParameters::take_over(const RangeOf& range_of) {
  gather();
  for (Member& member : members_) {
    for (size_t r = 0; r < member.ranges.size(); ++r) {
      const auto found = range_of(member.value, int(r));
      if (!found) continue;
      member.ranges[r] = *found;
      shared_out_ = true;
    }
  }
  release();
}

void ShardedParameters::begin() {
  require_place();
  for (Member& member : members_) {
    at::Tensor& grad = grad_of(member.value);
    if (grad.defined() && optim::is_partial(grad)) member.before = std::exchange(grad, at::Tensor());
  }
}

void ShardedParameters::reduce() {
  const at::NoGradGuard no_grad;
  settle();
  peers_->meet(code(kReduce));
  // A gradient that some ranks lack counts as zero there, as in a step of a sharded optimizer.
  std::vector<int32_t> present;
  for (const Member& member : members_) present.push_back(grad_of(member.value).defined());
  peers_->largest(present);
  std::vector<std::pair<Member*, at::Tensor>> arrived;
  for (size_t k = 0; k < members_.size(); ++k) {
    if (present[k] == 0) continue;
    Member& member = members_[k];
    at::Tensor grad = std::exchange(grad_of(member.value), at::Tensor());
    if (grad.defined() && grad.layout() != c10::kStrided) grad = grad.to_dense();
    grad = grad.defined() ? grad.detach().contiguous() : at::zeros_like(member.value).detach();
    arrived.push_back({&member, grad});
  }
  std::vector<c10::ScalarType> done;
  for (const auto& [first, sample] : arrived) {
    const c10::ScalarType dtype = sample.scalar_type();
    if (std::find(done.begin(), done.end(), dtype) != done.end()) continue;
    done.push_back(dtype);
    Parts parts(size_t(peers_->size()));
    Means means{{}, dtype, {}};
    for (const auto& [member, grad] : arrived) {
      if (grad.scalar_type() != dtype) continue;
      means.members.push_back(member);
      add_parts(parts, member->ranges, grad, static_cast<char*>(grad.mutable_data_ptr()));
    }
    means.averaging = peers_->average(parts, optim::dtype_of(dtype), optim::kModules);
    means.averaging->aside();
    pending_.push_back(std::move(means));
  }
}

void ShardedParameters::settle() {
  const at::NoGradGuard no_grad;
  for (const Means& means : std::exchange(pending_, {})) {
    at::Tensor flat = means.averaging->finish();
    if (c10::isComplexType(means.dtype)) flat = flat.view(means.dtype);
    std::vector<at::Tensor> fresh;
    std::vector<Range> kept;
    for (const Member* member : means.members) {
      if (member->mean.defined()) continue;
      fresh.push_back(member->value);
      kept.push_back(member->own(peers_->rank()));
    }
    const std::vector<at::Tensor> zeros = optim::partial_like(fresh, kept);
    auto next = zeros.begin();
    int64_t at = 0;
    for (Member* member : means.members) {
      const int64_t count = elements(member->own(peers_->rank()), member->value);
      const at::Tensor mean = flat.narrow(0, at, count);
      at += count;
      if (member->mean.defined()) {
        optim::kept_part(member->mean).add_(mean);
      } else {
        member->mean = *next++;
        optim::kept_part(member->mean).copy_(mean);
      }
    }
  }
}

void ShardedParameters::give() noexcept {
  const at::NoGradGuard no_grad;
  for (Member& member : members_) {
    at::Tensor mean = std::exchange(member.mean, {}), before = std::exchange(member.before, {});
    if (mean.defined() && before.defined()) optim::kept_part(before).add_(optim::kept_part(mean));
    if (mean.defined() || before.defined()) grad_of(member.value) = before.defined() ? before : mean;
  }
  give_back();
}

void ShardedParameters::abandon() noexcept {
  pending_.clear();
  for (Member& member : members_) {
    member.mean.reset();
    grad_of(member.value) = std::exchange(member.before, {});
  }
  give_back();
}

void ShardedParameters::end(std::vector<int32_t>& left) {
  peers_->meet(code(kEnd) - number_ * kKinds);
  peers_->largest(left);
}

}  // namespace tc::distributed
