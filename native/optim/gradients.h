// Norms and clipping of a list of tensors, apart from any optimizer: what torch.nn.utils.clip_grad does.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace tc::optim {

struct TotalNorm {
  double value = 0;
  bool finite = true;         // every element is
  bool fp64 = false;          // some tensor is
  at::Tensor tensor() const;  // without dimensions, in fp32 or, where some tensor is, fp64
};

// The p-norm of all elements of the tensors together; 0 for none. p is greater than 0.
TotalNorm total_norm(const std::vector<at::Tensor>& tensors, double p);

// The functions below write in place; a tensor that is given twice counts once.

// Clips by the p-norm of all tensors together and returns it. With refuse_nonfinite nothing is written unless every
// element is finite.
TotalNorm clip_by_norm(const std::vector<at::Tensor>& tensors, double max_norm, double p, bool refuse_nonfinite);
// Clips as if the tensors' norm were this.
void clip_with_norm(const std::vector<at::Tensor>& tensors, double max_norm, double norm);
// Clamps every element to [-limit, limit].
void clip_by_value(const std::vector<at::Tensor>& tensors, double limit);

}  // namespace tc::optim
