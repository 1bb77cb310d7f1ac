// What a step has changed before the user's code may throw, to be put back.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "optim/driver.h"

namespace tc::optim {

class Undo {
 public:
  // The value, or what the tensor holds, as it is now; both must outlive this.
  template <class T>
  void keep(T& value) {
    back_.push_back([&value, kept = value] { value = kept; });
  }
  void keep(const at::Tensor& tensor);
  // The state tensors of clippers that act on elements, on the device that `device_of` says an item lies on.
  void keep_elements(const State& state, const std::function<c10::Device(const Item&)>& device_of);

  void operator()() const {
    for (const auto& restore : back_) restore();
  }

 private:
  std::vector<std::function<void()>> back_;
};

}  // namespace tc::optim
