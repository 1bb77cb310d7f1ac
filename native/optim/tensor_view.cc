#include "optim/tensor_view.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/OpMathType.h>
#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/empty_strided.h>

#include <algorithm>
#include <string>

#include "error.h"

namespace tc::optim {

Dtype dtype_of(c10::ScalarType type) {
  switch (type) {
    case c10::kFloat:
    case c10::kComplexFloat:
      return Dtype::kFloat;
    case c10::kDouble:
    case c10::kComplexDouble:
      return Dtype::kDouble;
    case c10::kHalf:
      return Dtype::kHalf;
    case c10::kBFloat16:
      return Dtype::kBFloat16;
    default:
      throw Error("ERR_DTYPE", std::string("expected a tensor of float32, float64, float16, bfloat16, "
                                           "complex64 or complex128, got ") +
                                   c10::toString(type));
  }
}

void require_dense_storage(const at::Tensor& tensor, const char* what) {
  if (tensor.layout() != c10::kStrided) {
    throw Error("ERR_ARGUMENT", std::string("a sparse ") + what + " is not supported: make it dense with toDense()");
  }
  if (!tensor.device().is_cpu() && !tensor.device().is_cuda()) {
    throw Error("ERR_DEVICE",
                std::string("a ") + what + " must lie on the CPU or a CUDA device, got " + tensor.device().str());
  }
}

void require_writable(const at::Tensor& tensor) {
  if (at::has_internal_overlap(tensor) == at::MemOverlap::Yes) {
    throw Error("ERR_ARGUMENT", "a tensor whose elements share memory, as expand() makes, cannot be written in place");
  }
}

std::vector<int64_t> layout_of(const at::Tensor& tensor) {
  if (tensor.is_non_overlapping_and_dense()) return tensor.strides().vec();
  return at::empty_like(tensor).strides().vec();
}

std::vector<int64_t> row_major(at::IntArrayRef sizes) {
  std::vector<int64_t> strides(sizes.size());
  int64_t stride = 1;
  for (size_t d = sizes.size(); d-- > 0; stride *= std::max<int64_t>(sizes[d], 1)) strides[d] = stride;
  return strides;
}

bool lies_in(const at::Tensor& tensor, at::IntArrayRef strides) {
  if (!is_plain(tensor)) return false;
  const at::IntArrayRef own = tensor.strides();
  if (own == strides) return true;
  // Where a dimension has one element its stride is never used.
  const at::IntArrayRef sizes = tensor.sizes();
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] != 1 && own[d] != strides[d]) return tensor.numel() == 0;
  }
  return true;
}

c10::ScalarType state_dtype_of(const at::Tensor& tensor) { return at::toOpMathType(tensor.scalar_type()); }

at::Tensor empty_in(const at::Tensor& like, at::IntArrayRef strides, c10::ScalarType dtype) {
  return at::empty_strided(like.sizes(), strides, like.options().dtype(dtype));
}

void* address(const at::Tensor& tensor) {
  void* data = tensor.mutable_data_ptr();
  if (data == nullptr && tensor.numel() > 0) throw Error("ERR_STATE", "a tensor has lost its memory");
  return data;
}

at::Tensor flat_part(const at::Tensor& tensor, int64_t begin, int64_t end) {
  const int64_t width = tensor.is_complex() ? 2 : 1;
  return tensor.as_strided({(end - begin) / width}, {1}, tensor.storage_offset() + begin / width);
}

void* address_before(const at::Tensor& tensor, int64_t begin) {
  const int64_t size = int64_t(tensor.element_size()) / (tensor.is_complex() ? 2 : 1);
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(address(tensor)) - uintptr_t(begin * size));
}

}  // namespace tc::optim
