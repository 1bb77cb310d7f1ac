// How the engine sees a tensor: dense memory in some order of strides, as reals.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "optim/pass.h"

namespace tc::optim {

// Throws ERR_DTYPE unless the engine can visit tensors of this type.
Dtype dtype_of(c10::ScalarType type);
// Throws ERR_ARGUMENT unless the tensor is strided memory on the CPU or a CUDA device. `what` names it in the message.
void require_dense_storage(const at::Tensor& tensor, const char* what);
// Throws ERR_ARGUMENT for a tensor whose elements share memory.
void require_writable(const at::Tensor& tensor);
// The strides in which the engine visits the tensor: its own unless it has gaps.
std::vector<int64_t> layout_of(const at::Tensor& tensor);
// Whether this is dense memory whose elements mean what they say (no lazy conjugate, negation or zero).
inline bool is_plain(const at::Tensor& tensor) {
  constexpr c10::DispatchKeySet kLazy{c10::DispatchKey::Conjugate, c10::DispatchKey::Negative,
                                      c10::DispatchKey::ZeroTensor};
  const c10::DispatchKeySet keys = tensor.key_set();
  return (keys.has(c10::DispatchKey::CPU) || keys.has(c10::DispatchKey::CUDA)) && !keys.has_any(kLazy);
}
// The strides of a contiguous tensor.
std::vector<int64_t> row_major(at::IntArrayRef sizes);
// Whether it is plain and its elements lie in memory in this layout.
bool lies_in(const at::Tensor& tensor, at::IntArrayRef strides);
// The dtype of the state of such a tensor: never narrower than fp32.
c10::ScalarType state_dtype_of(const at::Tensor& tensor);
at::Tensor empty_in(const at::Tensor& like, at::IntArrayRef strides, c10::ScalarType dtype);

// The number of reals, and their address, which must be known to be writable.
inline int64_t reals(const at::Tensor& tensor) { return tensor.numel() * (tensor.is_complex() ? 2 : 1); }
void* address(const at::Tensor& tensor);

// The reals [begin, end) of a tensor's memory, which is dense, as a tensor of one dimension that shares it.
at::Tensor flat_part(const at::Tensor& tensor, int64_t begin, int64_t end);
// The address at which the first real would lie if the tensor held a parameter's reals from `begin` on.
void* address_before(const at::Tensor& tensor, int64_t begin);

}  // namespace tc::optim
