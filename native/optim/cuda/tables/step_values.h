// Values that are sent with each step.
#pragma once

#include <list>
#include <vector>

#include "optim/cuda/kernels/launch.h"
#include "optim/cuda/tables/buffer.h"

namespace tc::optim::cuda {

template <class T>
class StepValues {
 public:
  // Sends the values if they have changed. What a graph has captured is never overwritten: a captured step gets a copy
  // of its own if its values differ.
  void send(const std::vector<T>& values, c10::Device device, cudaStream_t stream) {
    const bool captured = capturing(stream);
    const bool changed = !sent_.holds(values);
    if (captured && changed) {
      Buffer<T>& own = kept_.emplace_back();
      own.send(values, device);
      data_ = own.data();
      return;
    }
    if (changed && shared_) kept_.push_back(std::exchange(sent_, {}));
    shared_ = captured || (shared_ && !changed);
    sent_.send(values, device);
    data_ = sent_.data();
  }
  void use() const {
    sent_.use();
    for (const Buffer<T>& buffer : kept_) buffer.use();
  }
  // Of the current step.
  const T* data() const { return data_; }

 private:
  Buffer<T> sent_;
  bool shared_ = false;        // with a graph
  std::list<Buffer<T>> kept_;  // for graphs
  const T* data_ = nullptr;
};

}  // namespace tc::optim::cuda
