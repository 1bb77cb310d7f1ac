// Memory of tensors of which this process keeps a part of the elements. Every element has an address, so that views,
// saved tensors and the engine know nothing of it; what is not kept takes no memory, and reads as zero.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "optim/shares.h"

namespace tc::optim {

// Zeros with the shapes and dtypes of row-major tensors, in a memory of their own.
std::vector<at::Tensor> partial_like(const std::vector<at::Tensor>& tensors);

// Whether a tensor lies in such a memory.
bool is_partial(const at::Tensor& tensor);

// Throws for a tensor in such a memory.
void require_whole(const at::Tensor& tensor);

// Gives back what one of the tensors has besides a range of its reals, up to the ends of its pages.
void keep_only(const at::Tensor& tensor, Range reals);

// Bytes of a tensor's memory that are there now.
int64_t resident_bytes(const at::Tensor& tensor);

}  // namespace tc::optim
