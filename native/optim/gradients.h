// Norms and clipping of a list of tensors without an optimizer, as torch.nn.utils.clip_grad does. A norm is the p-norm
// of all elements together, a tensor without dimensions: 0 for no elements, fp64 if any tensor is, else fp32.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace tc::optim {

// With refuse_nonfinite, the result is an undefined tensor if any element is not finite. p must be greater than 0.
at::Tensor total_norm(const std::vector<at::Tensor>& tensors, double p, bool refuse_nonfinite);

// The functions below write in place. A tensor that is passed twice counts once.

// Clips by the norm and returns it. Refused tensors are not written.
at::Tensor clip_by_norm(const std::vector<at::Tensor>& tensors, double max_norm, double p, bool refuse_nonfinite);
// Clips as if `norm` were the tensors' norm.
void clip_with_norm(const std::vector<at::Tensor>& tensors, double max_norm, const at::Tensor& norm);
// Clamps every element to [-limit, limit].
void clip_by_value(const std::vector<at::Tensor>& tensors, double limit);

}  // namespace tc::optim
