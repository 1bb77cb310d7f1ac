// Arrays on the device. They are tensors, so that libtorch's allocator and streams manage their memory.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "optim/cuda/runtime.h"

namespace tc::optim::cuda {

// Does not wait.
inline at::Tensor to_device(const at::Tensor& host, c10::Device device) {
  const at::Tensor pinned = at::empty(host.sizes(), host.options().pinned_memory(!kEmulated));
  return pinned.copy_(host).to(device, /*non_blocking=*/true);
}

// Writes words that are passed as kernel parameters.
void write(uint64_t* to, const uint64_t* words, int64_t count, cudaStream_t stream);

template <class T>
class Buffer {
 public:
  T* data() const { return tensor_.defined() ? static_cast<T*>(tensor_.data_ptr()) : nullptr; }
  size_t size() const { return size_; }
  const at::Tensor& tensor() const { return tensor_; }

  // Makes room for n values. The contents are lost if the memory must grow.
  void reserve(size_t n, c10::Device device) {
    size_ = n;
    const size_t words = (n * sizeof(T) + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    if (tensor_.defined() && size_t(tensor_.numel()) >= words * sizeof(uint64_t)) return;
    // An inference tensor could not be written to outside of inference mode.
    const c10::InferenceMode plain(false);
    tensor_ = at::empty({int64_t(words * sizeof(uint64_t))}, at::TensorOptions().dtype(c10::kByte).device(device));
    streams_.made(tensor_);
    // A kernel that reads what was never written finds NaN.
    if constexpr (kEmulated) tensor_.fill_(0xff);
  }
  // What the current stream is given next uses the memory.
  void use() const {
    if (tensor_.defined()) streams_.use(tensor_);
  }
  // Whether these values were the last ones sent.
  bool holds(const std::vector<T>& values) const {
    const char* const from = reinterpret_cast<const char*>(values.data());
    return size_ == values.size() && sent_.size() == values.size() * sizeof(T) &&
           std::equal(sent_.begin(), sent_.end(), from);
  }
  // Copies from the host without waiting; values that are there already are not sent again. In a graph the values are
  // kernel parameters, as the host's memory will have changed by the time that the graph is replayed.
  void send(const std::vector<T>& values, c10::Device device) {
    if (holds(values)) return;
    const char* const from = reinterpret_cast<const char*>(values.data());
    const size_t size = values.size() * sizeof(T);
    reserve(values.size(), device);
    sent_.assign(from, from + size);
    if (size == 0) return;
    const cudaStream_t stream = c10::cuda::getCurrentCUDAStream(device.index()).stream();
    if (capturing(stream)) {
      std::vector<uint64_t> words((size + sizeof(uint64_t) - 1) / sizeof(uint64_t));
      std::memcpy(words.data(), from, size);
      return write(static_cast<uint64_t*>(tensor_.data_ptr()), words.data(), int64_t(words.size()), stream);
    }
    const auto options = at::TensorOptions().dtype(c10::kByte);
    const at::Tensor pinned = at::empty({int64_t(size)}, options.pinned_memory(!kEmulated));
    std::memcpy(pinned.data_ptr(), from, size);
    bytes().copy_(pinned, /*non_blocking=*/true);
  }
  // Becomes a copy of another device's buffer, ordered by both devices' current streams; the host does not wait.
  void follow(const Buffer& other, c10::Device device) {
    reserve(other.size_, device);
    sent_.clear();
    bytes().copy_(other.bytes(), /*non_blocking=*/true);
  }
  // The values as `count` rows of fp64 numbers.
  at::Tensor rows(size_t count) const { return bytes().view(c10::kDouble).view({int64_t(count), -1}); }
  // A copy of the present contents, as numbers of this type; the host does not wait.
  at::Tensor copy(c10::ScalarType type) const {
    use();
    return bytes().view(type).clone();
  }
  // Copies to the host, and waits for it.
  std::vector<T> receive() const {
    std::vector<T> values(size_);
    if (size_ == 0) return values;
    const at::Tensor host = tensor_.cpu();
    std::memcpy(values.data(), host.data_ptr(), size_ * sizeof(T));
    return values;
  }
  // Notes that the device has written to it, so that the values last sent are no longer there.
  void touched() { sent_.clear(); }

 private:
  at::Tensor bytes() const { return tensor_.narrow(0, 0, int64_t(size_ * sizeof(T))); }

  at::Tensor tensor_;
  mutable Streams streams_;
  size_t size_ = 0;
  std::vector<char> sent_;
};

}  // namespace tc::optim::cuda
