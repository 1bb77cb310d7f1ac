// Memory for one state tensor of each parameter. The tensors lie one after another, in the order in which a step visits
// them, so that together they get huge pages, however small each is.
#pragma once

#include <ATen/core/Tensor.h>

namespace tc::optim {

class Arena {
 public:
  // Must be called for every tensor before the first is made. Tensors of other devices than the CPU are allocated
  // separately.
  void reserve(const at::Tensor& like, c10::ScalarType dtype) { reserve(like, dtype, like.numel()); }
  // For another number of elements.
  void reserve(const at::Tensor& like, c10::ScalarType dtype, int64_t numel);
  at::Tensor empty(const at::Tensor& like, at::IntArrayRef strides, c10::ScalarType dtype);

 private:
  int64_t size_ = 0;
  int64_t used_ = 0;
  c10::Storage storage_;
};

}  // namespace tc::optim
