#include "ops/undo.h"

#include <c10/core/ScalarType.h>

namespace tc {

Undo::Undo(const Op& op, const torch::jit::Stack& stack) {
  for (size_t i : op.changed) {
    if (stack[i].isTensor()) {
      remember(stack[i].toTensor());
    } else if (stack[i].isTensorList()) {
      for (const at::Tensor& t : stack[i].toTensorVector()) remember(t);
    }
  }
}

void Undo::remember(const at::Tensor& t) {
  if (!t.defined()) return;
  const auto no_version = c10::VariableVersion(c10::VariableVersion::DISABLED);
  before_.push_back({t, t.unsafeGetTensorImpl()->shallow_copy_and_detach(no_version, true),
                     t.has_storage() ? t.storage().nbytes() : 0});
}

void Undo::restore() noexcept {
  for (auto& [tensor, copy, bytes] : before_) {
    try {
      tensor.unsafeGetTensorImpl()->shallow_copy_from(copy);
      // Memory that was moved to a larger place stays there, with its elements.
      if (tensor.has_storage() && tensor.storage().nbytes() > bytes) tensor.storage().set_nbytes(bytes);
    } catch (...) {
      // A tensor of a kind that cannot be copied from its own copy has not been changed by the operators there are.
    }
  }
}

void Undo::check_extents() const {
  for (const Before& before : before_) {
    if (within_storage(before.tensor)) continue;
    throw Error("ERR_SHAPE", "the sizes, strides and offset must describe elements within the storage, which is smaller");
  }
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
