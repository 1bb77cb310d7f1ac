#include "optim/optimizer.h"

#include <ATen/OpMathType.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zero.h>

#include <string>
#include <unordered_set>

#include "error.h"
#include "optim/cpu/driver.h"
#include "optim/rule/info.h"
#include "optim/tensor_view.h"

namespace tc::optim {
namespace {

double order_of(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.order(); }, clipper);
}
double limit_of(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.limit(); }, clipper);
}

void bump_version(const at::Tensor& tensor) {
  if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

}  // namespace

Optimizer::Optimizer(Settings settings) : settings_(std::move(settings)) {
  plan_.build({}, settings_.scope == Scope::kGlobal ? 1 : 0);
}

void Optimizer::add_group(const std::vector<at::Tensor>& parameters) {
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
    parameter.group = int32_t(groups_.size());
    added.push_back(std::move(parameter));
  }
  parameters_.insert(parameters_.end(), std::make_move_iterator(added.begin()), std::make_move_iterator(added.end()));
  groups_.emplace_back();
  planned_ = false;
}

void Optimizer::read(const double* rows) {
  for (Group& group : groups_) {
    if (!(rows[0] >= 0 && rows[0] < Rules::kCount)) throw Error("ERR_INTERNAL", "no such update rule");
    const int32_t rule = int32_t(rows[0]);
    if (rule != group.rule) planned_ = false;
    group.rule = rule;
    group.maximize = rows[1] != 0;
    std::copy(rows + 2, rows + kRow, group.hyper);
    rows += kRow;
  }
}

int32_t Optimizer::unit_of(size_t index) const {
  switch (settings_.scope) {
    case Scope::kGlobal:
      return 0;
    case Scope::kGroup:
      return parameters_[index].group;
    case Scope::kTensor:
      break;
  }
  return int32_t(index);
}

bool Optimizer::same_layout(const Parameter& p, const at::Tensor& grad) {
  // Two flags tell most tensors.
  if (p.contiguous) return p.value.is_contiguous() && grad.is_contiguous();
  return p.value.strides() == at::IntArrayRef(p.layout) && grad.sizes() == p.value.sizes() && lies_in(grad, p.layout);
}

// Most steps find the tensors where the last one left them, with new gradients: this is all they pay for it.
bool Optimizer::revalidate() {
  if (!planned_ || staged_) return false;
  size_t n = 0;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    const Parameter& p = parameters_[k];
    const at::Tensor& grad = p.value.unsafeGetTensorImpl()->grad();
    if (!grad.defined()) continue;
    if (n == members_.size() || members_[n] != k) return false;
    Item& item = plan_.items[n++];
    if (!is_plain(p.value) || !is_plain(grad) || p.value.scalar_type() != p.dtype || grad.scalar_type() != p.dtype ||
        reals(p.value) != item.numel || grad.numel() != p.value.numel() || !same_layout(p, grad) ||
        p.value.mutable_data_ptr() != item.param) {
      return false;
    }
    item.grad = address(grad);
  }
  return n == members_.size();
}

Item Optimizer::prepare(Parameter& p) {
  const at::Tensor& grad = p.value.unsafeGetTensorImpl()->grad();
  require_dense_storage(p.value, "parameter");
  require_dense_storage(grad, "gradient");
  if (grad.scalar_type() != p.value.scalar_type() || grad.sizes() != p.value.sizes()) {
    throw Error("ERR_STATE", "a gradient must have the dtype and shape of its parameter");
  }
  if (settings_.write_back) require_writable(grad);
  Item item;
  item.dtype = dtype_of(p.value.scalar_type());
  item.numel = reals(p.value);
  item.group = p.group;
  if (p.value.is_complex()) {
    const double order = order_of(settings_.clipper);
    if ((order != kNoStatistic && order != 2) || std::isfinite(limit_of(settings_.clipper))) {
      throw Error("ERR_ARGUMENT", "gradients of complex parameters can be clipped by their 2-norm only");
    }
  }

  p.dtype = p.value.scalar_type();
  p.layout = layout_of(p.value);
  p.contiguous = p.value.is_contiguous();
  p.value_copy = lies_in(p.value, p.layout) ? at::Tensor() : empty_in(p.value, p.layout, p.dtype).copy_(p.value);
  p.grad_copy = lies_in(grad, p.layout) ? at::Tensor() : empty_in(p.value, p.layout, p.dtype).copy_(grad);
  item.param = address(p.value_copy.defined() ? p.value_copy : p.value);
  item.grad = address(p.grad_copy.defined() ? p.grad_copy : grad);

  const auto state_dtype = at::toOpMathType(p.dtype);
  const int slots = rule_info(groups_[p.group].rule).slots.count;
  // A rule without state has nothing to count.
  if (slots > 0) item.step = &p.state.step;
  for (int k = 0; k < slots; ++k) {
    at::Tensor& slot = p.state.slot[k];
    if (!slot.defined()) {
      slot = empty_in(p.value, p.layout, state_dtype).zero_();
      state_bytes_ += int64_t(slot.nbytes());
    } else if (slot.sizes() != p.value.sizes()) {
      throw Error("ERR_STATE", "a parameter has another shape than its state");
    } else if (slot.scalar_type() != state_dtype || slot.strides() != at::IntArrayRef(p.layout)) {
      slot = empty_in(p.value, p.layout, state_dtype).copy_(slot);
    }
    item.state[k] = address(slot);
  }
  return item;
}

void Optimizer::rebuild() {
  planned_ = staged_ = false;
  members_.clear();
  std::vector<Item> items;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    Parameter& p = parameters_[k];
    if (!p.value.unsafeGetTensorImpl()->grad().defined()) continue;
    items.push_back(prepare(p));
    items.back().unit = unit_of(k);
    members_.push_back(k);
    staged_ = staged_ || p.value_copy.defined() || p.grad_copy.defined();
  }
  const size_t units = settings_.scope == Scope::kGlobal  ? 1
                       : settings_.scope == Scope::kGroup ? groups_.size()
                                                          : parameters_.size();
  plan_.build(std::move(items), int64_t(units));
  planned_ = true;
}

Outcome Optimizer::step(const double* rows) {
  const at::NoGradGuard no_grad;
  read(rows);
  if (!revalidate()) rebuild();
  const Outcome outcome = cpu::step(plan_, groups_.data(), settings_, counters_);
  if (outcome == Outcome::kStepped) publish();
  return outcome;
}

// Lets autograd, and whoever holds a tensor that was visited as a copy, see what was written.
void Optimizer::publish() {
  for (const size_t k : members_) {
    const Parameter& p = parameters_[k];
    const at::Tensor& grad = p.value.unsafeGetTensorImpl()->grad();
    bump_version(p.value);
    if (settings_.write_back) bump_version(grad);
    if (!staged_) continue;
    if (p.value_copy.defined()) p.value.copy_(p.value_copy);
    if (p.grad_copy.defined() && settings_.write_back) grad.copy_(p.grad_copy);
  }
}

void Optimizer::zero_grad(bool set_to_none) {
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

void Optimizer::load(const std::vector<ParameterState>& states) {
  const at::NoGradGuard no_grad;
  if (states.size() != parameters_.size()) throw Error("ERR_STATE", "the state is for another number of parameters");
  std::vector<ParameterState> loaded(states.size());
  for (size_t i = 0; i < states.size(); ++i) {
    const at::Tensor& value = parameters_[i].value;
    loaded[i].step = states[i].step;
    for (int k = 0; k < kMaxSlots; ++k) {
      const at::Tensor& slot = states[i].slot[k];
      if (!slot.defined()) continue;
      if (slot.sizes() != value.sizes()) throw Error("ERR_SHAPE", "a state tensor must have its parameter's shape");
      loaded[i].slot[k] = empty_in(value, layout_of(value), at::toOpMathType(value.scalar_type())).copy_(slot);
    }
  }
  state_bytes_ = 0;
  for (size_t i = 0; i < states.size(); ++i) {
    parameters_[i].state = std::move(loaded[i]);
    for (const at::Tensor& slot : parameters_[i].state.slot)
      state_bytes_ += slot.defined() ? int64_t(slot.nbytes()) : 0;
  }
  planned_ = false;
}

at::Tensor Optimizer::skipped() const { return at::scalar_tensor(counters_.skipped, c10::kLong); }

at::Tensor Optimizer::per_unit(const std::vector<double>& values) const {
  std::vector<int64_t> shape;
  if (settings_.scope != Scope::kGlobal) shape.push_back(int64_t(values.size()));
  const at::Tensor out = at::empty(shape, at::TensorOptions().dtype(c10::kDouble));
  std::copy(values.begin(), values.end(), out.mutable_data_ptr<double>());
  return out;
}

}  // namespace tc::optim
