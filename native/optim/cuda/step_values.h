// Values that go with each step.
#pragma once

#include <list>
#include <vector>

#include "optim/cuda/buffer.h"
#include "optim/cuda/launch.h"

namespace tc::optim::cuda {

template <class T>
class StepValues {
 public:
  // Sends them where they have changed. What a graph has captured is never overwritten: in a captured step, values that
  // have changed are parameters of kernels of the graph, which write them at each replay.
  void send(const std::vector<T>& values, c10::Device device, cudaStream_t stream) {
    const bool captured = capturing(stream);
    const bool changed = !sent_.holds(values);
    if (captured && changed) return write_in_graph(values, device, stream);
    if (changed && shared_) kept_.push_back(std::exchange(sent_, {}));
    shared_ = captured || (shared_ && !changed);
    sent_.send(values, device);
    data_ = sent_.data();
  }
  // In the step under way.
  const T* data() const { return data_; }

 private:
  void write_in_graph(const std::vector<T>& values, c10::Device device, cudaStream_t stream) {
    Buffer<T>& own = kept_.emplace_back();
    own.reserve(values.size(), device);
    data_ = own.data();
    static_assert(sizeof(T) % sizeof(uint64_t) == 0);
    write(reinterpret_cast<uint64_t*>(own.data()), reinterpret_cast<const uint64_t*>(values.data()),
          int64_t(values.size() * sizeof(T) / sizeof(uint64_t)), stream);
  }

  Buffer<T> sent_;
  bool shared_ = false;        // with a graph
  std::list<Buffer<T>> kept_;  // for graphs
  const T* data_ = nullptr;
};

}  // namespace tc::optim::cuda
