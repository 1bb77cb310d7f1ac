// Memory for one state tensor of each parameter: they lie one behind another, in the order in which a step visits them,
// and get huge pages together, however small each is.
#pragma once

#include <ATen/core/Tensor.h>

namespace tc::optim {

class Arena {
 public:
  // Called for every tensor before the first is made. What lies on another device than the CPU is made by itself.
  void reserve(const at::Tensor& like, c10::ScalarType dtype);
  at::Tensor empty(const at::Tensor& like, at::IntArrayRef strides, c10::ScalarType dtype);

 private:
  int64_t size_ = 0;
  int64_t used_ = 0;
  c10::Storage storage_;
};

}  // namespace tc::optim
