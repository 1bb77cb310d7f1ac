// What an operator that throws leaves half done: libtorch gives a tensor new sizes before it knows that the memory can be
// had or that the rest of the arguments fit.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/stack.h>
#include <c10/core/TensorImpl.h>
#include <c10/util/SmallVector.h>

#include "ops/op.h"

namespace tc {

// The sizes, strides, storage and whatever else tells where the elements of a call's written arguments are.
class Undo {
 public:
  Undo(const Op& op, const torch::jit::Stack& stack);
  // As they were when this was made.
  void restore() noexcept;
  // Throws ERR_SHAPE where one of them now reaches outside of its storage.
  void check_extents() const;

 private:
  struct Before {
    at::Tensor tensor;
    c10::intrusive_ptr<c10::TensorImpl> copy;  // with the same storage, whose size it does not hold
    size_t bytes;
  };
  void remember(const at::Tensor& t);
  c10::SmallVector<Before, 2> before_;
};

// Whether every element lies within the storage.
bool within_storage(const at::Tensor& t);

}  // namespace tc
