#include "optim/optimizer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zero.h>

#include <string>
#include <unordered_set>

#include "error.h"
#include "optim/clip/traits.h"
#include "optim/partial_memory.h"
#include "optim/rule/info.h"
#include "optim/spreading.h"
#include "optim/tensor_view.h"

namespace tc::optim {
namespace {

void bump_version(const at::Tensor& tensor) {
  if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

}  // namespace

Optimizer::Optimizer(Settings settings) : state_(std::move(settings)), planner_(state_, parameters_) {}

void Optimizer::require_idle() const {
  if (stepping_)
    throw Error("ERR_STATE", "an optimizer cannot be changed or stepped while its own step runs user code");
}

void Optimizer::add_group(const std::vector<at::Tensor>& parameters) {
  require_idle();
  if (shared())
    throw Error("ERR_STATE", "a sharded optimizer takes no further parameters: add them before sharding it");
  std::unordered_set<const c10::TensorImpl*> known, here;
  for (const Parameter& p : parameters_) known.insert(p.value.unsafeGetTensorImpl());
  std::vector<Parameter> added;
  added.reserve(parameters.size());
  for (const at::Tensor& value : parameters) {
    require_dense_storage(value, "parameter");
    dtype_of(value.scalar_type());
    require_writable(value);
    if (known.count(value.unsafeGetTensorImpl()) > 0) {
      throw Error("ERR_ARGUMENT", "some parameters appear in more than one parameter group");
    }
    if (!here.insert(value.unsafeGetTensorImpl()).second) {
      throw Error("ERR_ARGUMENT", "a parameter group contains duplicate parameters");
    }
    Parameter parameter;
    parameter.value = value;
    parameter.group = int32_t(state_.groups.size());
    added.push_back(std::move(parameter));
  }
  parameters_.insert(parameters_.end(), std::make_move_iterator(added.begin()), std::make_move_iterator(added.end()));
  state_.groups.emplace_back();
  planner_.forget();
}

void Optimizer::read(const double* groups) {
  for (Group& group : state_.groups) {
    if (!(groups[0] >= 0 && groups[0] < Rules::kCount)) throw Error("ERR_INTERNAL", "no such update rule");
    const int32_t rule = int32_t(groups[0]);
    if (rule != group.rule) planner_.forget();
    group.rule = rule;
    group.maximize = groups[1] != 0;
    std::copy(groups + 2, groups + kGroupLength, group.hyper);
    groups += kGroupLength;
  }
}

// A graph goes on using the driver and the tensors that it captured: from here on another driver takes the steps.
void Optimizer::retire() {
  if (!driver_ || !driver_->captured()) return;
  pull();
  retired_.emplace_back(std::move(driver_), parameters_);
}

// Chooses the driver and has the plans rebuilt.
void Optimizer::rebuild() {
  planner_.forget();
  retire();
  for (const Parameter& p : parameters_) {
    const c10::Device first = parameters_.front().value.device(), other = p.value.device();
    if (other != first && !(other.is_cuda() && first.is_cuda())) {
      throw Error("ERR_DEVICE", "the parameters of one optimizer must lie on one device or on several GPUs, got " +
                                    first.str() + " and " + other.str());
    }
  }
  if (!driver_ || (!parameters_.empty() && parameters_.front().value.device() != device_)) {
    device_ = parameters_.empty() ? c10::Device(c10::kCPU) : parameters_.front().value.device();
    // Fetches counts and stage memories from the old device first.
    pull();
    driver_ = make_driver(device_);
    driver_->push(state_);
  }
  if (shared() && !driver_->shares()) {
    throw Error("ERR_DEVICE", "the parameters of a sharded optimizer must lie on the CPU, got " + device_.str());
  }
  planner_.rebuild();
}

void Optimizer::plan(const double* groups) {
  read(groups);
  if (planner_.revalidate()) return;
  if (!parameters_.empty() && capturing(parameters_.front().value.device())) {
    throw Error("ERR_STATE",
                "before capturing a step, take one step with the same parameters, groups and memory layouts");
  }
  rebuild();
}

Taken Optimizer::step(const double* groups, const Request& request) {
  require_idle();
  const at::NoGradGuard no_grad;
  const auto drop = [](Means* means) { means->drop(); };
  const std::unique_ptr<Means, decltype(drop)> dropped(means_.get());
  Opened opened;
  if (shared()) {
    for (const Parameter& p : parameters_) {
      if (!is_partial(p.value)) continue;
      opened.add(p.value);
      const at::Tensor& grad = p.value.unsafeGetTensorImpl()->grad();
      if (grad.defined()) opened.add(grad);
    }
    meet(groups, request.scaled());
  } else {
    plan(groups);
  }
  if (request.scaled() && planner_.members().empty()) return {Outcome::kSkipped, {}};
  const auto guarded = [this, &opened](const auto& ask) {
    const auto idle = [this](bool*) { stepping_ = false; };
    const std::unique_ptr<bool, decltype(idle)> busy(&stepping_, idle);
    stepping_ = true;
    opened.close();
    ask();
    opened.reopen();
    // User code may have replaced tensors whose addresses the plans hold.
    if (!planner_.holds()) {
      planner_.forget();
      throw Error("ERR_STATE",
                  "user code inside a step (a custom clipper, say) must not replace parameters or gradients");
    }
  };
  Request inner{{}, {}, request.inverse, {}};
  inner.custom = [&](size_t stage, const Plan& plan) {
    std::vector<double> coefficients;
    const auto ask = [&] { guarded([&] { coefficients = request.custom(stage, plan); }); };
    if (!shared()) {
      ask();
      return coefficients;
    }
    together("its custom clipper has failed", ask);
    // Those of the first process, whatever a clipper that is no function of what it sees has said on the others.
    Parts parts(size_t(state_.peers->size()));
    parts[0].push_back({reinterpret_cast<char*>(coefficients.data()), int64_t(coefficients.size() * sizeof(double))});
    state_.peers->gather(parts);
    return coefficients;
  };
  if (request.outside) inner.outside = [&] { guarded(request.outside); };
  std::optional<Spreading> spreading;
  if (shared()) {
    spreading.emplace(*state_.peers, state_.shares, parameters_, planner_.members(), blocks_, channel_);
    inner.updated = [&](size_t members) { spreading->updated(members); };
  }
  const Taken taken = driver_->step(state_, inner);
  if (taken.outcome != Outcome::kStepped) return taken;
  if (spreading) spreading->finish();
  publish();
  return taken;
}

int64_t Optimizer::advance(size_t parameter) {
  require_idle();
  Parameter& p = parameters_[parameter];
  // A GPU's driver keeps the counts on its device.
  if (!p.value.is_cpu()) throw Error("ERR_DEVICE", "a step outside of the engine needs a parameter on the CPU");
  if (p.own) throw Error("ERR_STATE", "ranks that share an optimizer's state take its steps together");
  require_dense_storage(p.value, "parameter");
  require_whole(p.value);
  const at::NoGradGuard no_grad;
  planner_.keep_state(p);
  return ++p.state.step;
}

// Tells autograd what was written, and copies it back to tensors that were visited as copies.
void Optimizer::publish() {
  for (const size_t k : planner_.members()) {
    const Parameter& p = parameters_[k];
    bump_version(p.value);
    if (planner_.staged() && p.value_copy.defined()) p.value.copy_(p.value_copy);
    if (!state_.settings.write_back) continue;
    const at::Tensor& grad = p.value.unsafeGetTensorImpl()->grad();
    bump_version(grad);
    if (planner_.staged() && p.grad_copy.defined()) grad.copy_(p.grad_copy);
  }
}

void Optimizer::refresh(const double* groups) {
  // Without a plan the next step makes a new driver, which no graph has captured.
  if (!planner_.planned() || !driver_->captured()) return;
  for (size_t g = 0; g < state_.groups.size(); ++g) {
    if (groups[g * kGroupLength] != state_.groups[g].rule) return;
  }
  read(groups);
  driver_->refresh(state_);
}

void Optimizer::zero_grad(bool set_to_none) {
  require_idle();
  for (Parameter& p : parameters_) {
    at::Tensor& grad = p.value.mutable_grad();
    if (!grad.defined()) continue;
    if (set_to_none) {
      grad.reset();
    } else {
      if (grad.grad_fn()) {
        grad.detach_();
      } else {
        grad.set_requires_grad(false);
      }
      (is_partial(grad) ? kept_part(grad) : grad).zero_();
    }
  }
}

StageState Optimizer::stage_state(size_t k) const {
  StageState state{state_.memories[k], {}};
  if (!acts_on_elements(state_.settings.stages[k].clipper) || state_.memories[k].decisions == 0) return state;
  if (shared()) meet_others(kStage);
  Parts parts;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& p = parameters_[i];
    const bool has = k < p.elements.size() && p.elements[k].defined();
    // A copy: the plans point to the original.
    state.elements.push_back(!has       ? at::Tensor()
                             : shared() ? whole_of(i, p.elements[k], parts)
                                        : p.elements[k].clone());
  }
  if (!parts.empty()) state_.peers->gather(parts);
  return state;
}

void Optimizer::load(const std::vector<ParameterState>& states, Counters counters,
                     const std::vector<StageState>& stages) {
  require_idle();
  const at::NoGradGuard no_grad;
  if (states.size() != parameters_.size())
    throw Error("ERR_STATE", "the state does not have as many parameters as the optimizer");
  if (stages.size() != state_.settings.stages.size())
    throw Error("ERR_STATE", "the state does not have as many clippers as the optimizer");
  int64_t bytes = 0;
  const auto copied = [&](const at::Tensor& tensor, const Parameter& p, Arena& arena) -> at::Tensor {
    if (!tensor.defined()) return {};
    if (tensor.sizes() != p.value.sizes()) throw Error("ERR_SHAPE", "a state tensor must have its parameter's shape");
    const auto dtype = state_dtype_of(p.value);
    at::Tensor copy;
    if (p.own) {
      const at::Tensor whole = empty_in(p.value, p.layout, dtype).copy_(tensor);
      const at::Tensor own = flat_part(whole, p.own->begin, p.own->end);
      copy = arena.empty(own, own.strides(), dtype).copy_(own);
    } else {
      copy = arena.empty(p.value, layout_of(p.value), dtype).copy_(tensor);
    }
    bytes += int64_t(copy.nbytes());
    return copy;
  };
  Arena arenas[kMaxSlots], none;
  for (size_t i = 0; i < states.size(); ++i) {
    for (int k = 0; k < kMaxSlots; ++k) {
      const at::Tensor& value = parameters_[i].value;
      const int64_t numel = own(i).length() / (value.is_complex() ? 2 : 1);
      if (states[i].slot[k].defined()) arenas[k].reserve(value, state_dtype_of(value), numel);
    }
  }
  std::vector<ParameterState> loaded = states;
  std::vector<StageMemory> memories;
  std::vector<std::vector<at::Tensor>> elements(states.size(), std::vector<at::Tensor>(stages.size()));
  for (size_t i = 0; i < states.size(); ++i) {
    const Parameter& p = parameters_[i];
    for (int k = 0; k < kMaxSlots; ++k) loaded[i].slot[k] = copied(loaded[i].slot[k], p, arenas[k]);
    for (size_t k = 0; k < stages.size(); ++k) {
      if (i < stages[k].elements.size()) elements[i][k] = copied(stages[k].elements[i], p, none);
    }
  }
  for (const StageState& stage : stages) memories.push_back(stage.memory);
  retire();
  for (size_t i = 0; i < states.size(); ++i) {
    parameters_[i].state = std::move(loaded[i]);
    parameters_[i].elements = std::move(elements[i]);
  }
  state_.memories = std::move(memories);
  state_.counters = counters;
  state_.state_bytes = bytes;
  planner_.forget();
  if (driver_) driver_->push(state_);
}

}  // namespace tc::optim
