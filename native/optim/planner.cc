#include "optim/planner.h"

#include <ATen/ops/copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fill.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zero.h>

#include <algorithm>
#include <cmath>

#include "error.h"
#include "optim/clip/traits.h"
#include "optim/partial_memory.h"
#include "optim/rule/info.h"
#include "optim/tensor_view.h"

namespace tc::optim {
namespace {

// A row is a slice of the first dimension: what an output of a layer is computed from.
int64_t rows_of(const at::Tensor& value) { return value.dim() < 2 || value.numel() == 0 ? 1 : value.size(0); }

// Thousands of small tensors do not fit into a core's cache. Reaching each takes four dependent loads, so they are
// prefetched while earlier tensors are processed.
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

// Gives a state tensor of zeros its first values.
void start(at::Tensor& tensor, const Slot& slot, const at::Tensor& parameter, const Group& group) {
  if (slot.start == Start::kParameter) tensor.copy_(parameter);
  // A complex parameter is a pair of reals, and each starts at the value.
  if (slot.start == Start::kHyper) {
    (tensor.is_complex() ? at::view_as_real(tensor) : tensor).fill_(group.hyper[slot.hyper]);
  }
}

}  // namespace

void add_parts(Parts& parts, const Shares& shares, size_t parameter, c10::ScalarType dtype, void* data) {
  const int64_t size = int64_t(c10::elementSize(dtype)) / (c10::isComplexType(dtype) ? 2 : 1);
  shares.for_owners(parameter, [&](int process, Range range) {
    char* const begin = data == nullptr ? nullptr : static_cast<char*>(data) + range.begin * size;
    parts[size_t(process)].push_back({begin, range.length() * size});
  });
}

Planner::Planner(State& state, std::deque<Parameter>& parameters) : state_(state), parameters_(parameters) {
  for (const Stage& stage : state.settings.stages) by_row_ = by_row_ || stage.scope == Scope::kRow;
}

bool Planner::same_layout(const Parameter& p, const at::Tensor& grad) {
  // For most tensors two flags answer it.
  if (p.contiguous) return p.value.is_contiguous() && grad.is_contiguous();
  return p.value.strides() == at::IntArrayRef(p.layout) && grad.sizes() == p.value.sizes() && lies_in(grad, p.layout);
}

// Whether the same tensors of the parameter are visited as copies as when the plans were made; the copies then take the
// present values over.
bool Planner::follow_copies(const Parameter& p, const at::Tensor& grad) const {
  const at::Tensor& copy = p.value_copy.defined() ? p.value_copy : p.grad_copy;
  if (p.value.layout() != c10::kStrided || grad.layout() != c10::kStrided || p.value.device() != copy.device() ||
      p.value.sizes() != copy.sizes() || grad.sizes() != copy.sizes() ||
      p.value.strides() != at::IntArrayRef(p.strides) || lies_in(p.value, p.layout) == p.value_copy.defined() ||
      lies_in(grad, p.layout) == p.grad_copy.defined()) {
    return false;
  }
  if (state_.settings.write_back) require_writable(grad);
  if (p.value_copy.defined()) p.value_copy.copy_(p.value);
  if (p.grad_copy.defined()) p.grad_copy.copy_(grad);
  return true;
}

// The fast path: in most steps only the gradients are new tensors.
bool Planner::revalidate() {
  if (!planned_) return false;
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
    if (p.value.scalar_type() != p.dtype || grad.scalar_type() != p.dtype || reals(p.value) != item.numel) return false;
    if (p.own && p.value.sizes() != at::IntArrayRef(p.sizes)) return false;
    if (by_row_) {
      for (const StagePlan& each : state_.pipeline.all) {
        const bool rows = each.stage != nullptr && each.stage->scope == Scope::kRow;
        if (rows && each.plan.items[at].rows != rows_of(p.value)) return false;
      }
    }
    if (staged_ && (p.value_copy.defined() || p.grad_copy.defined())) {
      if (!follow_copies(p, grad)) return false;
    } else if (!is_plain(p.value) || !is_plain(grad) || grad.numel() != p.value.numel() || !same_layout(p, grad)) {
      return false;
    }
    if (!p.value_copy.defined() && p.value.mutable_data_ptr() != item.param) return false;
    item.grad =
        p.mean.defined() ? address_before(p.mean, p.own->begin) : address(p.grad_copy.defined() ? p.grad_copy : grad);
    gradients.back().plan.items[at].out = item.grad;
    if (gradients.size() > 1) continue;
    for (StagePlan& each : state_.pipeline.updates()) each.plan.items[at].source = item.grad;
  }
  return n == members_.size();
}

// The same check in the middle of a step that visits copies.
bool Planner::untouched() const {
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
    if (!p.grad_copy.defined() && !p.mean.defined() && grad.mutable_data_ptr() != item.grad) return false;
  }
  return n == members_.size();
}

// Other processes have the parameter's elements in the order that it had.
void Planner::require_as_shared(const Parameter& p, at::IntArrayRef layout) {
  if (!p.own) return;
  const char* const changed = p.value.sizes() != at::IntArrayRef(p.sizes) ? "shape"
                              : layout != at::IntArrayRef(p.layout)       ? "memory layout"
                              : p.value.scalar_type() != p.dtype          ? "dtype"
                                                                          : nullptr;
  if (changed == nullptr) return;
  throw Error("ERR_STATE", std::string("the ") + changed + " of a parameter of a sharded optimizer cannot change");
}

void Planner::keep_state(Parameter& p) {
  const Group& group = state_.groups[p.group];
  const Slots& slots = rule_info(group.rule).slots;
  for (int k = 0; k < slots.count; ++k) {
    at::Tensor& tensor = p.state.slot[slots.index(k)];
    if (tensor.defined() && tensor.sizes() == p.value.sizes()) continue;
    if (tensor.defined()) throw Error("ERR_STATE", "a parameter and its state have different shapes");
    tensor = empty_in(p.value, layout_of(p.value), state_dtype_of(p.value)).zero_();
    state_.state_bytes += int64_t(tensor.nbytes());
    start(tensor, slots.slot[k], p.value, group);
    forget();
  }
}

Item Planner::prepare(Parameter& p, Arena* arenas) {
  const at::Tensor& grad = p.value.unsafeGetTensorImpl()->grad();
  require_dense_storage(p.value, "parameter");
  require_dense_storage(grad, "gradient");
  if (!p.own) require_whole(p.value);
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

  std::vector<int64_t> layout = layout_of(p.value);
  require_as_shared(p, layout);
  p.dtype = p.value.scalar_type();
  p.layout = std::move(layout);
  p.strides = p.value.strides().vec();
  p.contiguous = p.value.is_contiguous();
  p.value_copy = lies_in(p.value, p.layout) ? at::Tensor() : empty_in(p.value, p.layout, p.dtype).copy_(p.value);
  p.grad_copy = lies_in(grad, p.layout) ? at::Tensor() : empty_in(p.value, p.layout, p.dtype).copy_(grad);
  item.param = address(value_of(p));
  item.grad =
      p.mean.defined() ? address_before(p.mean, p.own->begin) : address(p.grad_copy.defined() ? p.grad_copy : grad);

  const auto state_dtype = state_dtype_of(p.value);
  // What this process updates, and how tensors of that many elements lie in memory.
  const at::Tensor own = p.own ? flat_part(value_of(p), p.own->begin, p.own->end) : p.value;
  const at::IntArrayRef strides = p.own ? own.strides() : at::IntArrayRef(p.layout);
  const auto address_of = [&](const at::Tensor& tensor) {
    return p.own ? address_before(tensor, p.own->begin) : address(tensor);
  };
  const auto keep = [&](at::Tensor& tensor, Arena& arena) {
    if (!tensor.defined()) {
      tensor = arena.empty(own, strides, state_dtype).zero_();
      state_.state_bytes += int64_t(tensor.nbytes());
    } else if (tensor.sizes() != own.sizes()) {
      throw Error("ERR_STATE", "a parameter and its state have different shapes");
    } else if (tensor.scalar_type() != state_dtype || tensor.strides() != strides) {
      tensor = empty_in(own, strides, state_dtype).copy_(tensor);
    }
  };
  const RuleInfo& rule = rule_info(state_.groups[p.group].rule);
  // A rule without state needs no step count.
  if (rule.slots.count > 0 || rule.scalars.count > 0 || rule.stores_step) item.step = &p.state.step;
  if (rule.scalars.count > 0) item.scalars = p.state.scalar;
  for (int k = 0; k < rule.slots.count; ++k) {
    at::Tensor& tensor = p.state.slot[rule.slots.index(k)];
    const Slot& slot = rule.slots.slot[k];
    const bool fresh = !tensor.defined();
    keep(tensor, arenas[rule.slots.index(k)]);
    if (fresh) start(tensor, slot, own, state_.groups[p.group]);
    item.state[k] = address_of(tensor);
  }
  p.elements.resize(state_.settings.stages.size());
  Arena none;
  for (size_t k = 0; k < state_.settings.stages.size(); ++k) {
    if (acts_on_elements(state_.settings.stages[k].clipper)) keep(p.elements[k], none);
  }
  const auto scratch = [&](at::Tensor& tensor, bool wanted, c10::ScalarType dtype) {
    if (!wanted) return tensor.reset();
    tensor = empty_in(own, strides, dtype);
  };
  scratch(p.clipped, state_.pipeline.all.front().materialise, p.dtype);
  scratch(p.update, !state_.pipeline.updates().empty(), state_dtype);
  if (p.update.defined()) item.update = address_of(p.update);
  return item;
}

// Divides the items, one per parameter, into the units of the stage's scope.
void Planner::cut(StagePlan& into, std::vector<Item> items) {
  const Scope scope = into.stage == nullptr ? Scope::kGlobal : into.stage->scope;
  std::vector<int64_t> first{0};  // the unit of each parameter, and after the last
  for (const Parameter& p : parameters_) {
    first.push_back(first.back() + (scope == Scope::kRow ? rows_of(p.value) : 1));
  }
  for (size_t i = 0; i < items.size(); ++i) {
    const Parameter& p = parameters_[members_[i]];
    items[i].unit = scope == Scope::kGlobal ? 0 : scope == Scope::kGroup ? p.group : int32_t(first[members_[i]]);
    items[i].rows = scope == Scope::kRow ? rows_of(p.value) : 1;
  }
  const int64_t units = scope == Scope::kGlobal  ? 1
                        : scope == Scope::kGroup ? int64_t(state_.groups.size())
                                                 : first.back();
  into.plan.build(std::move(items), units);
  if (state_.peers) into.plan.share(state_.shares, *state_.peers);
}

std::vector<int64_t> Planner::layout_of(const at::Tensor& value) const {
  std::vector<int64_t> layout = optim::layout_of(value);
  const bool apart = by_row_ && rows_of(value) > 1 && layout[0] * value.size(0) != value.numel();
  return apart ? row_major(value.sizes()) : layout;
}

Shares::Cuts Planner::cuts() const {
  const auto& all = state_.pipeline.all;
  return {by_row_, std::any_of(all.begin(), all.end(), [](const StagePlan& each) {
            return each.stage == nullptr || each.stage->scope != Scope::kRow;
          })};
}

void Planner::rebuild() {
  planned_ = staged_ = false;
  members_.clear();
  ++state_.pipeline.generation;
  Arena arenas[kMaxSlots];
  for (const Parameter& p : parameters_) {
    if (!p.value.unsafeGetTensorImpl()->grad().defined()) continue;
    const Slots& slots = rule_info(state_.groups[p.group].rule).slots;
    for (int k = 0; k < slots.count; ++k) {
      if (p.state.slot[slots.index(k)].defined()) continue;
      const int64_t numel = p.own ? p.own->length() / (p.value.is_complex() ? 2 : 1) : p.value.numel();
      arenas[slots.index(k)].reserve(p.value, state_dtype_of(p.value), numel);
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
  // A stage whose clipper acts on elements finds its own tensor in place of the rule's first state.
  const auto state_of = [&](const StagePlan& each, size_t i) {
    Parameter& p = parameters_[members_[i]];
    const bool has = each.stage != nullptr && p.elements[each.index].defined();
    if (!has) return items[i].state[0];
    return p.own ? address_before(p.elements[each.index], p.own->begin) : address(p.elements[each.index]);
  };
  // Each stage reads the gradients that the previous one has stored.
  std::vector<Item> source = items;
  for (StagePlan& each : state_.pipeline.gradients()) {
    for (size_t i = 0; i < items.size(); ++i) {
      const Parameter& p = parameters_[members_[i]];
      source[i].out = !each.materialise ? items[i].grad
                      : p.own           ? address_before(p.clipped, p.own->begin)
                                        : address(p.clipped);
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

}  // namespace tc::optim
