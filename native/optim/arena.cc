#include "optim/arena.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/set.h>

#include "optim/tensor_view.h"

namespace tc::optim {
namespace {

int64_t room_of(int64_t numel, c10::ScalarType dtype) {
  constexpr int64_t kLine = 64;
  return (numel * int64_t(c10::elementSize(dtype)) + kLine - 1) / kLine * kLine;
}

}  // namespace

void Arena::reserve(const at::Tensor& like, c10::ScalarType dtype, int64_t numel) {
  if (like.is_cpu()) size_ += room_of(numel, dtype);
}

at::Tensor Arena::empty(const at::Tensor& like, at::IntArrayRef strides, c10::ScalarType dtype) {
  const int64_t begin = used_, room = room_of(like.numel(), dtype);
  if (!like.is_cpu() || begin + room > size_) return empty_in(like, strides, dtype);
  const auto options = like.options().dtype(dtype);
  if (!storage_) storage_ = at::empty({size_}, options.dtype(c10::kByte)).storage();
  used_ += room;
  return at::empty({0}, options).set_(storage_, begin / int64_t(c10::elementSize(dtype)), like.sizes(), strides);
}

}  // namespace tc::optim
