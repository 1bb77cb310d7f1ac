// Values that go with each step.
#pragma once

#include <deque>
#include <vector>

#include "optim/cuda/buffer.h"
#include "optim/cuda/launch.h"

namespace tc::optim::cuda {

template <class T>
class StepValues {
 public:
  // Sends them where they have changed. A captured step takes them with it: they are parameters of kernels of its
  // graph, which write them at each replay to memory that no other step uses.
  void send(const std::vector<T>& values, c10::Device device, cudaStream_t stream) {
    if (!capturing(stream)) {
      sent_.send(values, device);
      data_ = sent_.data();
      return;
    }
    Buffer<T>& own = captured_.emplace_back();
    own.reserve(values.size(), device);
    data_ = own.data();
    static_assert(sizeof(T) % sizeof(uint64_t) == 0);
    write(reinterpret_cast<uint64_t*>(data_), reinterpret_cast<const uint64_t*>(values.data()),
          int64_t(values.size() * sizeof(T) / sizeof(uint64_t)), stream);
  }
  // In the step under way.
  const T* data() const { return data_; }

 private:
  Buffer<T> sent_;
  std::deque<Buffer<T>> captured_;
  T* data_ = nullptr;
};

}  // namespace tc::optim::cuda
