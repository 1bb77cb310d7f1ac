#include "optim/optimizer.h"

#include <ATen/OpMathType.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fill.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zero.h>

#include <string>
#include <unordered_set>

#include "error.h"
#include "optim/clip/traits.h"
#include "optim/rule/info.h"
#include "optim/tensor_view.h"

namespace tc::optim {
namespace {

// A row is what an output of a layer is made of: dimensions 1 and on.
int64_t rows_of(const at::Tensor& value) { return value.dim() < 2 || value.numel() == 0 ? 1 : value.size(0); }

c10::ScalarType state_dtype_of(const at::Tensor& value) { return at::toOpMathType(value.scalar_type()); }

void bump_version(const at::Tensor& tensor) {
  if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

// Thousands of small tensors do not fit into a core's cache: each is four jumps through memory away, which are begun
// while others are looked at.
class Ahead {
 public:
  template <class At>
  void operator()(size_t k, size_t count, const At& at) const {
    if (k + 16 < count) touch(impl(at(k + 16)), 3);
    if (k + 12 < count) touch(impl(at(k + 12))->autograd_meta(), 1);
    if (k + 8 < count) touch(grad(at(k + 8)), 3);
    if (k + 4 < count) {
      touch(impl(at(k + 4))->unsafe_storage().unsafeGetStorageImpl(), 1);
      if (const auto* g = grad(at(k + 4))) touch(g->unsafe_storage().unsafeGetStorageImpl(), 1);
    }
  }

 private:
  static c10::TensorImpl* impl(const at::Tensor& tensor) { return tensor.unsafeGetTensorImpl(); }
  static const c10::TensorImpl* grad(const at::Tensor& tensor) {
    const at::Tensor& g = impl(tensor)->grad();
    return g.defined() ? impl(g) : nullptr;
  }
  static void touch(const void* begin, int lines) {
    for (int i = 0; i < lines; ++i) __builtin_prefetch(static_cast<const char*>(begin) + 64 * i);
  }
};

}  // namespace

Optimizer::Optimizer(Settings settings) : state_(std::move(settings)) {
  for (const Stage& stage : state_.settings.stages) by_row_ = by_row_ || stage.scope == Scope::kUnit;
}

void Optimizer::require_idle() const {
  if (stepping_) throw Error("ERR_STATE", "an optimizer cannot be used while its step asks a custom clipper");
}

void Optimizer::add_group(const std::vector<at::Tensor>& parameters) {
  require_idle();
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
  planned_ = false;
}

void Optimizer::read(const double* rows) {
  for (Group& group : state_.groups) {
    if (!(rows[0] >= 0 && rows[0] < Rules::kCount)) throw Error("ERR_INTERNAL", "no such update rule");
    const int32_t rule = int32_t(rows[0]);
    if (rule != group.rule) planned_ = false;
    group.rule = rule;
    group.maximize = rows[1] != 0;
    std::copy(rows + 2, rows + kRow, group.hyper);
    rows += kRow;
  }
}

bool Optimizer::same_layout(const Parameter& p, const at::Tensor& grad) {
  // Two flags tell most tensors.
  if (p.contiguous) return p.value.is_contiguous() && grad.is_contiguous();
  return p.value.strides() == at::IntArrayRef(p.layout) && grad.sizes() == p.value.sizes() && lies_in(grad, p.layout);
}

// Most steps find the tensors where the last one left them, with new gradients: this is all they pay for it.
bool Optimizer::revalidate() {
  if (!planned_ || staged_) return false;
  const bool many = parameters_.size() > 2000;
  const auto gradients = state_.pipeline.gradients();
  const Ahead ahead;
  size_t n = 0;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    if (many) ahead(k, parameters_.size(), [&](size_t i) -> const at::Tensor& { return parameters_[i].value; });
    const Parameter& p = parameters_[k];
    const at::Tensor& grad = p.value.unsafeGetTensorImpl()->grad();
    if (!grad.defined()) continue;
    if (n == members_.size() || members_[n] != k) return false;
    const size_t at = n++;
    Item& item = state_.pipeline.all.front().plan.items[at];
    if (!is_plain(p.value) || !is_plain(grad) || p.value.scalar_type() != p.dtype || grad.scalar_type() != p.dtype ||
        reals(p.value) != item.numel || grad.numel() != p.value.numel() || !same_layout(p, grad) ||
        p.value.mutable_data_ptr() != item.param) {
      return false;
    }
    item.grad = address(grad);
    gradients.back().plan.items[at].out = item.grad;
    if (gradients.size() > 1) continue;
    for (StagePlan& each : state_.pipeline.updates()) each.plan.items[at].source = item.grad;
  }
  return n == members_.size();
}

// The same for a step under way that visits copies.
bool Optimizer::untouched() const {
  size_t n = 0;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    const Parameter& p = parameters_[k];
    const at::Tensor& grad = p.value.unsafeGetTensorImpl()->grad();
    if (!grad.defined()) continue;
    if (n == members_.size() || members_[n] != k || grad.sizes() != p.value.sizes() || grad.scalar_type() != p.dtype ||
        p.value.scalar_type() != p.dtype || reals(p.value) != state_.pipeline.all.front().plan.items[n].numel) {
      return false;
    }
    const Item& item = state_.pipeline.all.front().plan.items[n++];
    if (!p.value_copy.defined() && p.value.mutable_data_ptr() != item.param) return false;
    if (!p.grad_copy.defined() && grad.mutable_data_ptr() != item.grad) return false;
  }
  return n == members_.size();
}

Item Optimizer::prepare(Parameter& p, Arena* arenas) {
  const at::Tensor& grad = p.value.unsafeGetTensorImpl()->grad();
  require_dense_storage(p.value, "parameter");
  require_dense_storage(grad, "gradient");
  if (grad.scalar_type() != p.value.scalar_type() || grad.sizes() != p.value.sizes()) {
    throw Error("ERR_STATE", "a gradient must have the dtype and shape of its parameter");
  }
  if (state_.settings.write_back) require_writable(grad);
  Item item;
  item.dtype = item.param_dtype = dtype_of(p.value.scalar_type());
  item.numel = reals(p.value);
  item.group = p.group;
  item.device = p.value.device().index();
  if (p.value.is_complex()) {
    item.width = 2;
    for (const Stage& stage : state_.settings.stages) {
      const double order = order_of(stage.clipper);
      if ((order != kNoStatistic && order != 2) || std::isfinite(limit_of(stage.clipper)) ||
          acts_on_elements(stage.clipper)) {
        throw Error("ERR_ARGUMENT", "gradients of complex parameters can be clipped by their 2-norm only");
      }
    }
  }

  p.dtype = p.value.scalar_type();
  p.layout = layout_of(p.value);
  if (by_row_ && rows_of(p.value) > 1 && p.layout[0] * p.value.size(0) != p.value.numel()) {
    p.layout = row_major(p.value.sizes());
  }
  p.contiguous = p.value.is_contiguous();
  p.value_copy = lies_in(p.value, p.layout) ? at::Tensor() : empty_in(p.value, p.layout, p.dtype).copy_(p.value);
  p.grad_copy = lies_in(grad, p.layout) ? at::Tensor() : empty_in(p.value, p.layout, p.dtype).copy_(grad);
  item.param = address(p.value_copy.defined() ? p.value_copy : p.value);
  item.grad = address(p.grad_copy.defined() ? p.grad_copy : grad);

  const auto state_dtype = state_dtype_of(p.value);
  const auto keep = [&](at::Tensor& tensor, Arena& arena) {
    if (!tensor.defined()) {
      tensor = arena.empty(p.value, p.layout, state_dtype).zero_();
      state_bytes_ += int64_t(tensor.nbytes());
    } else if (tensor.sizes() != p.value.sizes()) {
      throw Error("ERR_STATE", "a parameter has another shape than its state");
    } else if (tensor.scalar_type() != state_dtype || tensor.strides() != at::IntArrayRef(p.layout)) {
      tensor = empty_in(p.value, p.layout, state_dtype).copy_(tensor);
    }
  };
  const RuleInfo& rule = rule_info(state_.groups[p.group].rule);
  // A rule without state has nothing to count.
  if (rule.slots.count > 0 || rule.scalars.count > 0 || rule.stores_step) item.step = &p.state.step;
  if (rule.scalars.count > 0) item.scalars = p.state.scalar;
  for (int k = 0; k < rule.slots.count; ++k) {
    at::Tensor& tensor = p.state.slot[rule.slots.index(k)];
    const Slot& slot = rule.slots.slot[k];
    const bool fresh = !tensor.defined();
    keep(tensor, arenas[rule.slots.index(k)]);
    if (fresh && slot.start == Start::kParameter) tensor.copy_(p.value);
    // A complex parameter is a pair of reals, each with a start of its own.
    if (fresh && slot.start == Start::kHyper) {
      (tensor.is_complex() ? at::view_as_real(tensor) : tensor).fill_(state_.groups[p.group].hyper[slot.hyper]);
    }
    item.state[k] = address(tensor);
  }
  p.elements.resize(state_.settings.stages.size());
  Arena none;
  for (size_t k = 0; k < state_.settings.stages.size(); ++k) {
    if (acts_on_elements(state_.settings.stages[k].clipper)) keep(p.elements[k], none);
  }
  const auto scratch = [&](at::Tensor& tensor, bool wanted, c10::ScalarType dtype) {
    if (!wanted) return tensor.reset();
    tensor = empty_in(p.value, p.layout, dtype);
  };
  scratch(p.clipped, state_.pipeline.all.front().materialise, p.dtype);
  scratch(p.update, !state_.pipeline.updates().empty(), state_dtype);
  if (p.update.defined()) item.update = address(p.update);
  return item;
}

// Cuts one item a parameter into the units of the stage's scope.
void Optimizer::cut(StagePlan& into, std::vector<Item> items) {
  const Scope scope = into.stage == nullptr ? Scope::kGlobal : into.stage->scope;
  std::vector<int64_t> first{0};  // the unit of each parameter, and after the last
  for (const Parameter& p : parameters_) {
    first.push_back(first.back() + (scope == Scope::kUnit ? rows_of(p.value) : 1));
  }
  for (size_t i = 0; i < items.size(); ++i) {
    const Parameter& p = parameters_[members_[i]];
    items[i].unit = scope == Scope::kGlobal ? 0 : scope == Scope::kGroup ? p.group : int32_t(first[members_[i]]);
    items[i].rows = scope == Scope::kUnit ? rows_of(p.value) : 1;
  }
  const int64_t units = scope == Scope::kGlobal  ? 1
                        : scope == Scope::kGroup ? int64_t(state_.groups.size())
                                                 : first.back();
  into.plan.build(std::move(items), units);
}

// What a graph has captured stays as it is: from here on another driver takes the steps.
void Optimizer::retire() {
  if (!driver_ || !driver_->captured()) return;
  pull();
  retired_.emplace_back(std::move(driver_), parameters_);
}

void Optimizer::rebuild() {
  planned_ = staged_ = false;
  retire();
  ++state_.pipeline.generation;
  members_.clear();
  for (const Parameter& p : parameters_) {
    const c10::Device first = parameters_.front().value.device(), other = p.value.device();
    if (other != first && !(other.is_cuda() && first.is_cuda())) {
      throw Error("ERR_DEVICE", "the parameters of one optimizer must lie on one device or on several GPUs, got " +
                                    first.str() + " and " + other.str());
    }
  }
  if (!driver_ || (!parameters_.empty() && parameters_.front().value.device() != device_)) {
    device_ = parameters_.empty() ? c10::Device(c10::kCPU) : parameters_.front().value.device();
    // The old device's copy of the counts and memories comes along.
    pull();
    driver_ = make_driver(device_);
    driver_->push(state_);
  }
  Arena arenas[kMaxSlots];
  for (const Parameter& p : parameters_) {
    if (!p.value.unsafeGetTensorImpl()->grad().defined()) continue;
    const Slots& slots = rule_info(state_.groups[p.group].rule).slots;
    for (int k = 0; k < slots.count; ++k) {
      if (!p.state.slot[slots.index(k)].defined()) arenas[slots.index(k)].reserve(p.value, state_dtype_of(p.value));
    }
  }
  std::vector<Item> items;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    Parameter& p = parameters_[k];
    if (!p.value.unsafeGetTensorImpl()->grad().defined()) continue;
    items.push_back(prepare(p, arenas));
    items.back().parameter = int32_t(k);
    members_.push_back(k);
    staged_ = staged_ || p.value_copy.defined() || p.grad_copy.defined();
  }
  // Where a stage's clipper acts on elements, their tensor takes the place of the rule's first state.
  const auto state_of = [&](const StagePlan& each, size_t i) {
    Parameter& p = parameters_[members_[i]];
    const bool has = each.stage != nullptr && p.elements[each.index].defined();
    return has ? address(p.elements[each.index]) : items[i].state[0];
  };
  // The stored gradients of one stage are the next one's source.
  std::vector<Item> source = items;
  for (StagePlan& each : state_.pipeline.gradients()) {
    for (size_t i = 0; i < items.size(); ++i) {
      source[i].out = each.materialise ? address(parameters_[members_[i]].clipped) : items[i].grad;
      source[i].state[0] = state_of(each, i);
    }
    cut(each, source);
    for (size_t i = 0; i < items.size() && each.materialise; ++i) source[i].grad = source[i].out;
  }
  for (StagePlan& each : state_.pipeline.updates()) {
    for (size_t i = 0; i < items.size(); ++i) {
      if (&each == &state_.pipeline.updates().front()) source[i].source = source[i].grad;
      source[i].grad = source[i].out = source[i].update;
      source[i].dtype = source[i].param_dtype == Dtype::kDouble ? Dtype::kDouble : Dtype::kFloat;
      source[i].state[0] = state_of(each, i);
    }
    cut(each, source);
  }
  planned_ = true;
}

Taken Optimizer::step(const double* rows, const Request& request) {
  require_idle();
  const at::NoGradGuard no_grad;
  read(rows);
  if (!revalidate()) {
    if (!parameters_.empty() && capturing(parameters_.front().value.device())) {
      throw Error("ERR_STATE",
                  "a graph can capture a step after one with the same parameters, groups and memory layouts, so take "
                  "a step first");
    }
    rebuild();
  }
  if (request.scaled() && members_.empty()) return {Outcome::kSkipped, {}};
  const auto guarded = [this](const auto& ask) {
    const auto idle = [this](bool*) { stepping_ = false; };
    const std::unique_ptr<bool, decltype(idle)> busy(&stepping_, idle);
    stepping_ = true;
    ask();
    // It is the user's code, and the plans hold addresses.
    if (staged_ ? !untouched() : !revalidate()) {
      planned_ = false;
      throw Error("ERR_STATE", "a custom clipper must leave parameters and gradients in their place");
    }
  };
  Request inner{{}, {}, request.inverse};
  inner.custom = [&](size_t stage, const Plan& plan) {
    std::vector<double> coefficients;
    guarded([&] { coefficients = request.custom(stage, plan); });
    return coefficients;
  };
  if (request.outside) inner.outside = [&] { guarded(request.outside); };
  const Taken taken = driver_->step(state_, inner);
  if (taken.outcome == Outcome::kStepped) publish();
  return taken;
}

// Lets autograd, and whoever holds a tensor that was visited as a copy, see what was written.
void Optimizer::publish() {
  for (const size_t k : members_) {
    const Parameter& p = parameters_[k];
    bump_version(p.value);
    if (staged_ && p.value_copy.defined()) p.value.copy_(p.value_copy);
    if (!state_.settings.write_back) continue;
    const at::Tensor& grad = p.value.unsafeGetTensorImpl()->grad();
    bump_version(grad);
    if (staged_ && p.grad_copy.defined()) grad.copy_(p.grad_copy);
  }
}

void Optimizer::refresh(const double* rows) {
  // Without a plan, what comes next is another driver's.
  if (!planned_ || !driver_->captured()) return;
  for (size_t g = 0; g < state_.groups.size(); ++g) {
    if (rows[g * kRow] != state_.groups[g].rule) return;
  }
  read(rows);
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
      grad.zero_();
    }
  }
}

StageState Optimizer::stage_state(size_t k) const {
  StageState state{state_.memories[k], {}};
  if (!acts_on_elements(state_.settings.stages[k].clipper) || state_.memories[k].decisions == 0) return state;
  for (const Parameter& p : parameters_) {
    // A copy: nobody else may move what the plans point to.
    const bool has = k < p.elements.size() && p.elements[k].defined();
    state.elements.push_back(has ? p.elements[k].clone() : at::Tensor());
  }
  return state;
}

void Optimizer::load(const std::vector<ParameterState>& states, Counters counters,
                     const std::vector<StageState>& stages) {
  require_idle();
  const at::NoGradGuard no_grad;
  if (states.size() != parameters_.size()) throw Error("ERR_STATE", "the state is for another number of parameters");
  if (stages.size() != state_.settings.stages.size())
    throw Error("ERR_STATE", "the state is for another number of clippers");
  int64_t bytes = 0;
  const auto copied = [&](const at::Tensor& tensor, const at::Tensor& value, Arena& arena) -> at::Tensor {
    if (!tensor.defined()) return {};
    if (tensor.sizes() != value.sizes()) throw Error("ERR_SHAPE", "a state tensor must have its parameter's shape");
    const at::Tensor copy = arena.empty(value, layout_of(value), state_dtype_of(value)).copy_(tensor);
    bytes += int64_t(copy.nbytes());
    return copy;
  };
  Arena arenas[kMaxSlots], none;
  for (size_t i = 0; i < states.size(); ++i) {
    for (int k = 0; k < kMaxSlots; ++k) {
      const at::Tensor& value = parameters_[i].value;
      if (states[i].slot[k].defined()) arenas[k].reserve(value, state_dtype_of(value));
    }
  }
  std::vector<ParameterState> loaded = states;
  std::vector<StageMemory> memories;
  std::vector<std::vector<at::Tensor>> elements(states.size(), std::vector<at::Tensor>(stages.size()));
  for (size_t i = 0; i < states.size(); ++i) {
    const at::Tensor& value = parameters_[i].value;
    for (int k = 0; k < kMaxSlots; ++k) loaded[i].slot[k] = copied(loaded[i].slot[k], value, arenas[k]);
    for (size_t k = 0; k < stages.size(); ++k) {
      if (i < stages[k].elements.size()) elements[i][k] = copied(stages[k].elements[i], value, none);
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
  state_bytes_ = bytes;
  planned_ = false;
  if (driver_) driver_->push(state_);
}

}  // namespace tc::optim
