// Norms and clipping of a list of tensors, apart from any optimizer: what torch.nn.utils.clip_grad does. Norms are
// p-norms of all elements together, 0 for none, without dimensions, in fp32 or, where some tensor is, fp64.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace tc::optim {

// With refuse_nonfinite the result is undefined where some element is not finite. p is greater than 0.
at::Tensor total_norm(const std::vector<at::Tensor>& tensors, double p, bool refuse_nonfinite);

// The functions below write in place; a tensor that is given twice counts once.

// Clips by the norm and returns it; what is refused is not written.
at::Tensor clip_by_norm(const std::vector<at::Tensor>& tensors, double max_norm, double p, bool refuse_nonfinite);
// Clips as if the tensors' norm were this.
void clip_with_norm(const std::vector<at::Tensor>& tensors, double max_norm, const at::Tensor& norm);
// Clamps every element to [-limit, limit].
void clip_by_value(const std::vector<at::Tensor>& tensors, double limit);

}  // namespace tc::optim
