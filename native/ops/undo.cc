#include "ops/undo.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/SparseCsrTensorUtils.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/native/SparseTensorUtils.h>
#include <ATen/ops/alias.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <c10/core/ScalarType.h>
#include <c10/core/WrapDimMinimal.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "binding/func/wrapped.h"

namespace tc {
namespace {

// No graph and no count of versions for what is undone.
struct Unrecorded {
  OutsideTransforms outside;
  at::AutoDispatchBelowADInplaceOrView below;
  at::NoGradGuard no_grad;
};

// Divisions by an integer 0, probabilities, elements that do not suffice, matrices without an inverse: seen on the way.
constexpr std::string_view kLate[] = {"binary_cross_entropy",
                                      "remainder",
                                      "fmod",
                                      "floor_divide",
                                      "div",
                                      "divide",
                                      "bernoulli",
                                      "masked_scatter",
                                      "histc",
                                      "nanmean",
                                      "soft_margin_loss",
                                      "gather",
                                      "index_select",
                                      "take",
                                      "take_along_dim",
                                      "scatter",
                                      "scatter_add",
                                      "scatter_reduce",
                                      "index_add",
                                      "index_copy",
                                      "index_fill",
                                      "index_reduce",
                                      "index_put",
                                      "put",
                                      "embedding_renorm",
                                      "inverse",
                                      "cholesky",
                                      "cholesky_inverse",
                                      "cholesky_solve",
                                      "lu_solve",
                                      "orgqr",
                                      "ormqr",
                                      "index",
                                      "embedding",
                                      "nll_loss",
                                      "nll_loss2d",
                                      "multi_margin_loss",
                                      "multilabel_margin_loss",
                                      "max_unpool2d",
                                      "max_unpool3d",
                                      "repeat_interleave",
                                      "multinomial",
                                      "poisson",
                                      "binomial",
                                      "rrelu",
                                      "rrelu_with_noise",
                                      "quantile",
                                      "nanquantile",
                                      "ctc_loss"};

// An `out` this small is copied whatever the operator, with so much of the memory behind it: the copy is cheap, and the
// list above cannot name every operator that throws late.
constexpr int64_t kFew = 4096;
constexpr int64_t kFewBytes = 8 * kFew;

struct ByIndex {
  std::string_view name;
  const char* argument;
  bool from_end;  // negative indices count from the end
};
constexpr ByIndex kByIndex[] = {
    {"scatter_", "index", false},
    {"scatter_add_", "index", false},
    {"scatter_reduce_", "index", false},
    {"index_add_", "index", false},
    {"index_copy_", "index", false},
    {"index_reduce_", "index", false},
    {"index_fill_", "index", true},
    {"put_", "index", true},
    {"index_put_", "indices", true},
    {"_index_put_impl_", "indices", true},
    {"embedding_renorm_", "indices", false},
};

std::string_view base_of(std::string_view name) { return name.substr(std::string_view("aten::").size()); }

void check_range(const at::Tensor& indices, int64_t size, const ByIndex& rule) {
  const at::Tensor& index = innermost(indices);
  if (!index.defined() || !index.is_cpu() || index.layout() != c10::kStrided || index.numel() == 0) return;
  if (!c10::isIntegralType(index.scalar_type(), false) || index.scalar_type() == c10::kByte) return;
  const Unrecorded unrecorded;
  const auto [low, high] = at::aminmax(index);
  const auto least = low.item<int64_t>(), most = high.item<int64_t>();
  const int64_t first = rule.from_end ? -size : 0;
  if (least >= first && most < size) return;
  const std::string range = size == 0 ? "absent, as there is nothing to write to"
                                      : "from " + std::to_string(first) + " to " + std::to_string(size - 1);
  throw Error("ERR_INDEX", std::string("\"") + rule.argument + "\" must be " + range + ", got " +
                               std::to_string(least < first ? least : most));
}

// Each element once, where dimensions of stride 0 have each several times.
at::Tensor without_repeats(const at::Tensor& t) {
  at::Tensor once = at::alias(t);
  for (int64_t d = 0; d < t.dim(); ++d) {
    if (t.stride(d) == 0 && t.size(d) > 1) once = once.narrow(d, 0, 1);
  }
  return once;
}

// At most so many bytes of a tensor's storage, from its first element on.
at::Tensor memory_from(const at::Tensor& t, int64_t most) {
  const int64_t start = t.storage_offset() * static_cast<int64_t>(t.element_size());
  const int64_t rest = static_cast<int64_t>(t.storage().nbytes()) - start;
  at::Tensor bytes = at::empty({0}, at::TensorOptions(c10::kByte).device(t.device()));
  return rest <= 0 ? bytes : bytes.set_(t.storage(), start, {std::min(rest, most)}, {1});
}

bool writes_apart(const Op& op, const at::Tensor& out) {
  return op.checks_late && may_write_apart(op, out) && out.storage().nbytes() > 0;
}

const c10::IValue* argument(const Op& op, const torch::jit::Stack& stack, std::string_view name) {
  for (size_t i = 0; i < op.params.size(); ++i) {
    if (op.params[i].name == name) return &stack[i];
  }
  return nullptr;
}

}  // namespace

bool checks_late(const std::string& name) {
  std::string_view base = base_of(name);
  if (writes_by_index(name)) return false;  // those are checked before
  if (base.ends_with('_')) base.remove_suffix(1);
  return base.starts_with("linalg_") || std::find(std::begin(kLate), std::end(kLate), base) != std::end(kLate);
}

bool writes_by_index(const std::string& name) {
  const auto is = [&](const ByIndex& rule) { return rule.name == base_of(name); };
  return std::any_of(std::begin(kByIndex), std::end(kByIndex), is);
}

bool takes_sparse(const torch::jit::Stack& stack) {
  return std::any_of(stack.begin(), stack.end(), [](const c10::IValue& value) {
    return value.isTensor() && value.toTensor().defined() && value.toTensor().layout() != c10::kStrided;
  });
}

// A draw of random numbers depends on how its tensor lies in memory.
bool may_write_apart(const Op& op, const at::Tensor& out) {
  return !op.random && out.defined() && innermost(out).is_same(out) && out.layout() == c10::kStrided &&
         !out.is_quantized() && !out.is_conj() && !out.is_neg() && !out.is_meta() && !out.requires_grad() &&
         out.has_storage();
}

void check_indices(const Op& op, const torch::jit::Stack& stack) {
  const std::string_view base = base_of(op.handle.schema().name());
  const auto rule =
      std::find_if(std::begin(kByIndex), std::end(kByIndex), [&](const ByIndex& r) { return r.name == base; });
  if (rule == std::end(kByIndex)) return;
  const c10::IValue* self = argument(op, stack, "self");
  const c10::IValue* index = argument(op, stack, rule->argument);
  const c10::IValue* along = argument(op, stack, "dim");
  if (self == nullptr || index == nullptr || !self->isTensor()) return;
  const at::Tensor& t = self->toTensor();
  if (index->isTensor()) {
    int64_t dim = along != nullptr && along->isInt() ? along->toInt() : 0;
    if (dim < -std::max<int64_t>(t.dim(), 1) || dim >= std::max<int64_t>(t.dim(), 1)) return;  // refused in time
    dim = c10::maybe_wrap_dim(dim, t.dim());
    check_range(index->toTensor(), base == "put_" ? t.numel() : t.dim() == 0 ? 1 : t.size(dim), *rule);
    return;
  }
  int64_t dim = 0;
  for (const c10::IValue& one : index->toListRef()) {
    const at::Tensor picked = one.isTensor() ? one.toTensor() : at::Tensor();
    const bool mask = picked.defined() && (picked.scalar_type() == c10::kBool || picked.scalar_type() == c10::kByte);
    if (picked.defined() && !mask && dim < t.dim()) check_range(picked, t.size(dim), *rule);
    dim += mask ? picked.dim() : 1;
  }
}

Undo::Undo(const Op& op, const torch::jit::Stack& stack) {
  const Keep late = op.checks_late || takes_sparse(stack) ? Keep::kElements : Keep::kNothing;
  for (size_t i : op.changed) {
    if (stack[i].isTensor()) {
      const at::Tensor& t = stack[i].toTensor();
      const bool is_out = std::find(op.outs.begin(), op.outs.end(), i) != op.outs.end();
      remember(t, is_out && writes_apart(op, t)                ? Keep::kNothing
                  : is_out && t.defined() && t.numel() <= kFew ? Keep::kFew
                                                               : late);
    } else if (stack[i].isTensorList()) {
      for (const at::Tensor& t : stack[i].toTensorVector()) remember(t, late);
    }
  }
}

void Undo::remember(const at::Tensor& written, Keep keep) {
  const at::Tensor& t = innermost(written);
  if (!t.defined()) return;
  // What a sparse tensor consists of is written like any other tensor.
  if (t.layout() == c10::kSparse) {
    const auto* sparse = at::sparse::get_sparse_impl(t);
    remember(sparse->indices(), Keep::kElements);
    remember(sparse->values(), Keep::kElements);
  } else if (at::sparse_csr::is_sparse_compressed(t)) {
    const auto* sparse = at::sparse_csr::get_sparse_csr_impl(t);
    remember(sparse->compressed_indices(), Keep::kElements);
    remember(sparse->plain_indices(), Keep::kElements);
    remember(sparse->values(), Keep::kElements);
  }
  const auto no_version = c10::VariableVersion(c10::VariableVersion::DISABLED);
  Before before{t,
                t.unsafeGetTensorImpl()->shallow_copy_and_detach(no_version, true),
                t.has_storage() ? t.storage().nbytes() : 0,
                {}};
  if (keep != Keep::kNothing && t.layout() == c10::kStrided && t.has_storage() && !t.is_meta()) {
    const Unrecorded unrecorded;
    const auto save = [&](const at::Tensor& written) { before.kept.emplace_back(written, written.clone()); };
    save(without_repeats(t));
    // With more elements, it would reach into what follows.
    if (keep == Keep::kFew) {
      const at::Tensor following = memory_from(t, kFewBytes);
      if (following.numel() > 0) save(following);
    }
  }
  before_.push_back(std::move(before));
}

void Undo::restore() noexcept {
  for (Before& before : before_) {
    try {
      const at::Tensor& t = before.tensor;
      t.unsafeGetTensorImpl()->shallow_copy_from(before.copy);
      // Memory that was moved to a larger allocation stays there, with its elements.
      if (t.has_storage() && t.storage().nbytes() > before.bytes) t.storage().set_nbytes(before.bytes);
      const Unrecorded unrecorded;
      for (const auto& [written, elements] : before.kept) written.copy_(elements);
    } catch (...) {
      // What cannot be written to has not been.
    }
  }
}

void Undo::check_extents() const {
  for (const Before& before : before_) {
    if (within_storage(before.tensor)) continue;
    throw Error("ERR_SHAPE",
                "the sizes, strides and offset must describe elements within the storage, which is smaller");
  }
}

Apart::Apart(const Op& op, torch::jit::Stack& stack, bool all) {
  for (size_t o : op.outs) {
    if (!stack[o].isTensor()) continue;
    const at::Tensor out = stack[o].toTensor();
    if (!writes_apart(op, out) && !(all && may_write_apart(op, out))) continue;
    const at::Tensor own = out.is_non_overlapping_and_dense()
                               ? at::empty_strided(out.sizes(), out.strides(), out.options())
                               : at::empty(out.sizes(), out.options());
    stack[o] = own;
    pairs_.push_back({out, own});
  }
}

bool Apart::is_recorded() const {
  return std::any_of(pairs_.begin(), pairs_.end(), [](const Pair& pair) { return pair.own.requires_grad(); });
}

void Apart::deliver() {
  for (const auto& [out, own] : pairs_) {
    if (own.sizes() == out.sizes()) at::assert_no_internal_overlap(out);
  }
  for (const auto& [out, own] : pairs_) {
    if (own.sizes() == out.sizes()) continue;
    out.resize_(own.sizes());
    if (own.is_non_overlapping_and_dense()) out.as_strided_(own.sizes(), own.strides(), out.storage_offset());
  }
  for (const auto& [out, own] : pairs_) out.copy_(own);
}

bool within_storage(const at::Tensor& t) {
  if (!t.defined() || t.layout() != c10::kStrided || !t.has_storage() || t.is_meta() || t._is_zerotensor()) return true;
  const c10::ScalarType dtype = t.scalar_type();
  if (c10::isBitsType(dtype) || dtype == c10::kQUInt4x2 || dtype == c10::kQUInt2x4) return true;  // several in a byte
  if (t.numel() == 0) return true;
  int64_t last = t.storage_offset();
  for (int64_t d = 0; d < t.dim(); ++d) {
    int64_t reach;
    if (__builtin_mul_overflow(t.size(d) - 1, t.stride(d), &reach) || __builtin_add_overflow(last, reach, &last)) {
      return false;
    }
  }
  const auto elements = static_cast<int64_t>(t.storage().nbytes() / t.element_size());
  return t.storage_offset() >= 0 && last < elements;
}

}  // namespace tc
