#include "binding/func/wrapped.h"

#include <ATen/functorch/BatchedTensorImpl.h>
#include <ATen/functorch/TensorWrapper.h>

#include <string>
#include <utility>

#include "binding/error.h"

namespace tc {
namespace {

namespace ft = at::functorch;

// The tensor inside of the outermost wrapper; null for a plain one.
const at::Tensor* value_of(const at::Tensor& t) {
  if (!is_wrapped(t)) return nullptr;
  if (const auto* batched = ft::maybeGetBatchedImpl(t)) return &batched->value();
  return &ft::maybeGetTensorWrapper(t)->value();
}

}  // namespace

const at::Tensor& innermost(const at::Tensor& t) {
  const at::Tensor* inner = &t;
  while (const at::Tensor* value = value_of(*inner)) inner = value;
  return *inner;
}

bool is_batched(const at::Tensor& t) {
  for (const at::Tensor* inner = &t; inner != nullptr; inner = value_of(*inner)) {
    if (inner->defined() && ft::isBatchedTensor(*inner)) return true;
  }
  return false;
}

uint64_t batched_levels(const at::Tensor& t) {
  uint64_t levels = 0;
  for (const at::Tensor* inner = &t; inner != nullptr; inner = value_of(*inner)) {
    if (!inner->defined()) break;
    if (const auto* batched = ft::maybeGetBatchedImpl(*inner)) levels |= uint64_t{1} << batched->level();
  }
  return levels;
}

int64_t level_of(const at::Tensor& t) {
  if (!is_wrapped(t)) return 0;
  if (const auto* batched = ft::maybeGetBatchedImpl(t)) return batched->level();
  return ft::maybeGetTensorWrapper(t)->level().value_or(0);
}

at::Tensor without_ended(at::Tensor t) {
  while (is_wrapped(t)) {
    const auto* wrapper = ft::maybeGetTensorWrapper(t);
    if (wrapper == nullptr || wrapper->is_alive()) break;
    at::Tensor value = wrapper->value();
    t = std::move(value);
  }
  return t;
}

void refuse_batched(const at::Tensor& t, const char* what) {
  if (!is_batched(t)) return;
  throw Error("ERR_STATE", std::string(what) +
                               " cannot be used inside of vmap() on a tensor that is mapped over, as it has a value "
                               "for each sample; torch.where() chooses by value");
}

}  // namespace tc
