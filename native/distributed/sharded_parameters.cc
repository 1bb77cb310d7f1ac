#include "distributed/sharded_parameters.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/engine.h>

#include <algorithm>
#include <string>
#include <utility>

#include "binding/autograd/callback.h"
#include "binding/autograd/lists.h"
#include "binding/handle.h"
#include "binding/owning_object.h"
#include "distributed/peers.h"
#include "distributed/register.h"
#include "optim/partial_memory.h"
#include "optim/tensor_view.h"

namespace tc::distributed {
namespace {

using optim::Parts;
using optim::Range;
using optim::Shares;

// What ranks are about to do together.
enum Together : int32_t { kGather, kReduce, kKinds };

void add_parts(Parts& parts, const std::vector<Range>& ranges, const at::Tensor& tensor) {
  const int64_t size = int64_t(tensor.element_size()) / (tensor.is_complex() ? 2 : 1);
  char* const data = static_cast<char*>(tensor.mutable_data_ptr());
  for (size_t r = 0; r < ranges.size(); ++r) {
    if (ranges[r].length() > 0) parts[r].push_back({data + ranges[r].begin * size, ranges[r].length() * size});
  }
}

int64_t elements(Range reals, const at::Tensor& of) { return reals.length() / (of.is_complex() ? 2 : 1); }

// What must hold on every rank before they begin.
void require_shardable(const std::vector<at::Tensor>& parameters) {
  for (const at::Tensor& p : parameters) {
    optim::dtype_of(p.scalar_type());
    if (!p.is_cpu()) {
      throw Error("ERR_DEVICE",
                  "the parameters of a fully sharded module must lie on the CPU, got " + p.device().str());
    }
    if (!optim::is_plain(p) || !p.is_contiguous()) {
      throw Error("ERR_ARGUMENT", "the parameters of a fully sharded module must be contiguous");
    }
    if (optim::is_partial(p)) throw Error("ERR_STATE", "a parameter belongs to another fully sharded module");
  }
}

at::Tensor& grad_of(const at::Tensor& parameter) { return parameter.mutable_grad(); }

}  // namespace

ShardedParameters::ShardedParameters(std::shared_ptr<Group> group, const std::vector<at::Tensor>& parameters,
                                     int32_t number)
    : group_(std::move(group)), peers_(peers_of(group_, "a fully sharded module")), number_(number) {
  const at::NoGradGuard no_grad;
  require_shardable(parameters);
  std::vector<Shares::Size> sizes;
  for (const at::Tensor& p : parameters) sizes.push_back({optim::reals(p), 1});
  const Shares shares(peers_->size(), sizes, {false, true});
  const std::vector<at::Tensor> made = optim::partial_like(parameters);
  for (size_t k = 0; k < parameters.size(); ++k) {
    Member member{parameters[k], made[k].mutable_data_ptr(), {}, {}};
    for (int r = 0; r < peers_->size(); ++r) member.ranges.push_back(shares.of(k, r));
    const Range own = member.own(peers_->rank());
    optim::flat_part(made[k], own.begin, own.end).copy_(optim::flat_part(parameters[k].detach(), own.begin, own.end));
    members_.push_back(std::move(member));
  }
  for (size_t k = 0; k < parameters.size(); ++k) members_[k].value.set_data(made[k]);
}

std::optional<size_t> ShardedParameters::index_of(const at::Tensor& parameter) const {
  for (size_t k = 0; k < members_.size(); ++k) {
    if (members_[k].value.is_same(parameter)) return k;
  }
  return std::nullopt;
}

int64_t ShardedParameters::resident() const {
  int64_t bytes = 0;
  for (const Member& member : members_) bytes += optim::resident_bytes(member.value);
  return bytes;
}

std::pair<at::Tensor, int64_t> ShardedParameters::part(size_t index) const {
  const Member& member = members_[index];
  const Range own = member.own(peers_->rank());
  return {optim::flat_part(member.value.detach(), own.begin, own.end), elements({0, own.begin}, member.value)};
}

// Their memory is read and written by its address.
void ShardedParameters::require_place() const {
  for (const Member& member : members_) {
    if (optim::is_partial(member.value) && member.value.mutable_data_ptr() == member.data) continue;
    throw Error("ERR_STATE",
                "the parameters of a fully sharded module must stay where they are: convert or move the module before "
                "fullyShard()");
  }
}

// Whether all ranks are about to do the same with the same module: what a collective mixes up otherwise.
void ShardedParameters::agree(int32_t what) {
  const int32_t code = number_ * kKinds + what;
  std::vector<int32_t> numbers{code, -code};
  peers_->largest(numbers);
  if (numbers[0] == -numbers[1]) return;
  throw Error("ERR_DISTRIBUTED",
              "the ranks use their fully sharded modules in different orders: the forward and backward passes of all "
              "must reach the same modules, in one order");
}

void ShardedParameters::gather() {
  if (whole_) return;
  require_place();
  agree(kGather);
  Parts parts(size_t(peers_->size()));
  for (const Member& member : members_) add_parts(parts, member.ranges, member.value);
  peers_->gather(parts);
  whole_ = true;
}

void ShardedParameters::release() {
  require_place();
  for (const Member& member : members_) optim::keep_only(member.value, member.own(peers_->rank()));
  whole_ = false;
}

void ShardedParameters::take_over(const std::function<std::optional<Range>(const at::Tensor&, int)>& range) {
  gather();
  for (Member& member : members_) {
    for (size_t r = 0; r < member.ranges.size(); ++r) {
      if (const auto found = range(member.value, int(r))) member.ranges[r] = *found;
    }
  }
  release();
}

void ShardedParameters::take() {
  for (Member& member : members_) {
    at::Tensor& grad = grad_of(member.value);
    member.mean = grad.defined() && optim::is_partial(grad) ? grad : at::Tensor();
    if (member.mean.defined()) grad.reset();
  }
}

void ShardedParameters::reduce() {
  const at::NoGradGuard no_grad;
  settle();
  agree(kReduce);
  // A gradient that some ranks lack counts as zero there, as in a step of a sharded optimizer.
  std::vector<int32_t> present;
  for (const Member& member : members_) present.push_back(grad_of(member.value).defined());
  peers_->largest(present);
  for (size_t k = 0; k < members_.size(); ++k) {
    if (present[k] == 0) continue;
    Member& member = members_[k];
    at::Tensor grad = std::exchange(grad_of(member.value), at::Tensor());
    if (grad.defined() && grad.layout() != c10::kStrided) grad = grad.to_dense();
    grad = grad.defined() ? grad.detach().contiguous() : at::zeros_like(member.value).detach();
    arrived_.push_back({&member, grad, {}});
  }
  std::vector<c10::ScalarType> done;
  for (const Arrived& first : arrived_) {
    const c10::ScalarType dtype = first.grad.scalar_type();
    if (std::find(done.begin(), done.end(), dtype) != done.end()) continue;
    done.push_back(dtype);
    Parts parts(size_t(peers_->size()));
    std::vector<Arrived*> same;
    int64_t count = 0;
    for (Arrived& each : arrived_) {
      if (each.grad.scalar_type() != dtype) continue;
      same.push_back(&each);
      add_parts(parts, each.member->ranges, each.grad);
      count += elements(each.member->own(peers_->rank()), each.grad);
    }
    const at::Tensor means = at::empty({count}, first.grad.options());
    int64_t begin = 0;
    for (Arrived* each : same) {
      each->mean = means.narrow(0, begin, elements(each->member->own(peers_->rank()), each->grad));
      begin += each->mean.numel();
    }
    pending_.push_back(peers_->average(std::move(parts), optim::dtype_of(dtype), means.mutable_data_ptr()));
  }
}

void ShardedParameters::settle() {
  const at::NoGradGuard no_grad;
  const std::vector<Arrived> arrived = std::exchange(arrived_, {});
  for (const auto& end : std::exchange(pending_, {})) end();
  std::vector<at::Tensor> fresh;
  for (const Arrived& each : arrived) {
    if (!each.member->mean.defined()) fresh.push_back(each.member->value);
  }
  const std::vector<at::Tensor> zeros = optim::partial_like(fresh);
  auto next = zeros.begin();
  for (const auto& [member, grad, mean] : arrived) {
    const bool adds = member->mean.defined();
    if (!adds) member->mean = *next++;
    const Range own = member->own(peers_->rank());
    const at::Tensor into = optim::flat_part(member->mean, own.begin, own.end);
    if (adds) {
      into.add_(mean);
    } else {
      into.copy_(mean);
    }
  }
}

void ShardedParameters::give() {
  settle();
  for (Member& member : members_) {
    if (member.mean.defined()) grad_of(member.value) = std::exchange(member.mean, at::Tensor());
  }
}

std::vector<ShardedParameters*> to_sharded(napi_env env, napi_value array) {
  std::vector<ShardedParameters*> list;
  const uint32_t count = array_length(env, array, "modules");
  for (uint32_t i = 0; i < count; ++i) list.push_back(&from_object<ShardedParameters>(env, element(env, array, i)));
  return list;
}

namespace {

// requireShardable(parameters)
napi_value check_shardable(napi_env env, Args& args) {
  require_shardable(to_tensors(env, args[0], "parameters"));
  return undefined(env);
}

// shardParameters(group, parameters, number)
napi_value shard_parameters(napi_env env, Args& args) {
  const auto group = group_of(env, args[0]);
  group->live();
  const auto number = int32_t(to_int64(env, args[2], "number"));
  return to_object(env, std::make_unique<ShardedParameters>(group, to_tensors(env, args[1], "parameters"), number));
}

template <void (ShardedParameters::*method)()>
napi_value call(napi_env env, Args& args) {
  (from_object<ShardedParameters>(env, args[0]).*method)();
  return undefined(env);
}

// shardedPart(parameters, index): [the elements of this rank, flat; the index of the first]
napi_value part(napi_env env, Args& args) {
  const auto& parameters = from_object<ShardedParameters>(env, args[0]);
  const int64_t index = to_int64(env, args[1], "index");
  if (index < 0 || index >= parameters.size()) throw Error("ERR_INDEX", "no such parameter");
  auto [own, begin] = parameters.part(size_t(index));
  napi_value result;
  check(env, napi_create_array_with_length(env, 2, &result));
  check(env, napi_set_element(env, result, 0, wrap(env, std::move(own))));
  check(env, napi_set_element(env, result, 1, js(env, begin)));
  return result;
}

// shardedResident(parameters)
napi_value resident(napi_env env, Args& args) {
  return js(env, from_object<ShardedParameters>(env, args[0]).resident());
}

// What waits for the end of a backward pass; it is gone once that has come, or the pass has failed.
struct Ending {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x656e642d6f662062};
  static constexpr const char* kNoun = "what waits for the end of a backward pass";

  std::weak_ptr<Callback> callback;
};

// atEndOfBackward(function): of the backward pass that runs now.
napi_value at_end_of_backward(napi_env env, Args& args) {
  auto callback = Callback::of(env, args[0]);
  auto ending = std::make_unique<Ending>(Ending{callback});
  torch::autograd::Engine::get_default_engine().queue_callback(
      [callback = std::move(callback)] { CallScope(callback).call({}); });
  return to_object(env, std::move(ending));
}
// awaitsEnd(what it returned)
napi_value awaits_end(napi_env env, Args& args) {
  return js(env, !from_object<Ending>(env, args[0]).callback.expired());
}

}  // namespace

void register_sharded_parameters(napi_env env, napi_value exports) {
  define(env, exports, "requireShardable", guarded<check_shardable>);
  define(env, exports, "shardParameters", guarded<shard_parameters>);
  define(env, exports, "shardedGather", guarded<call<&ShardedParameters::gather>>);
  define(env, exports, "shardedRelease", guarded<call<&ShardedParameters::release>>);
  define(env, exports, "shardedTake", guarded<call<&ShardedParameters::take>>);
  define(env, exports, "shardedReduce", guarded<call<&ShardedParameters::reduce>>);
  define(env, exports, "shardedSettle", guarded<call<&ShardedParameters::settle>>);
  define(env, exports, "shardedGive", guarded<call<&ShardedParameters::give>>);
  define(env, exports, "shardedPart", guarded<part>);
  define(env, exports, "shardedResident", guarded<resident>);
  define(env, exports, "atEndOfBackward", guarded<at_end_of_backward>);
  define(env, exports, "awaitsEnd", guarded<awaits_end>);
}

}  // namespace tc::distributed
