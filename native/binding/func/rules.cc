// The rules that vmap needs beside libtorch's own: those that PyTorch registers from Python (torch/_functorch/
// predispatch.py), by the formulas of torch/_decomp. Without them vmap would run the operator once per sample.
#include <ATen/ATen.h>
#include <ATen/OpMathType.h>
#include <torch/library.h>

#include <optional>
#include <tuple>
#include <vector>

namespace {

using at::Tensor;
using Losses = std::tuple<Tensor, Tensor>;

Tensor widened(const Tensor& t) { return t.to(at::toOpMathType(t.scalar_type())); }
double norm_of(const Tensor& t, int64_t reduction) {
  return reduction == at::Reduction::Mean ? 1.0 / static_cast<double>(t.numel()) : 1.0;
}

// The classes of the losses, and the dimension that they are in.
struct Target {
  int64_t dim;
  Tensor kept, index;

  Target(const Tensor& self, const Tensor& target, const c10::SymInt& ignored) : dim(self.dim() < 2 ? 0 : 1) {
    const Tensor classes = (self.dim() == 1 && target.dim() > 0 ? target.select(0, 0) : target).unsqueeze(dim);
    kept = classes.ne(ignored.guard_int(__FILE__, __LINE__));
    index = at::where(kept, classes, at::zeros_like(classes));
  }
  // What `values` has for the classes, and 0 for those that are ignored.
  Tensor pick(const Tensor& values) const {
    const Tensor picked = at::gather(values, dim, index);
    return at::where(kept, picked, at::zeros_like(picked)).squeeze(dim);
  }
};

Tensor along(const Tensor& weight, int64_t dims, int64_t dim) {
  std::vector<int64_t> shape(static_cast<size_t>(dims), 1);
  shape[static_cast<size_t>(dim)] = weight.size(0);
  return weight.reshape(shape);
}

Losses nll_forward(const Tensor& self, const Tensor& labels, const std::optional<Tensor>& weight, int64_t reduction,
                   c10::SymInt ignored) {
  const Target target(self, labels, ignored);
  Tensor scores = self, weights;
  if (weight.has_value() && weight->defined()) {
    weights = along(*weight, self.dim(), target.dim);
    scores = self * weights;
  }
  Tensor loss = -target.pick(scores);
  if (reduction == at::Reduction::None && self.dim() > 1) return {loss, self.new_zeros({})};
  const Tensor total =
      weights.defined() ? target.pick(weights.expand_as(self)).sum() : target.kept.sum().to(self.scalar_type());
  if (reduction == at::Reduction::Sum) loss = loss.sum();
  if (reduction == at::Reduction::Mean) loss = loss.sum() / total;
  return {loss, total};
}

Tensor nll_backward(const Tensor& grad_output, const Tensor& self, const Tensor& labels,
                    const std::optional<Tensor>& weight, int64_t reduction, c10::SymInt ignored, const Tensor& total) {
  const Target target(self, labels, ignored);
  Tensor grad = reduction == at::Reduction::Mean ? grad_output / total : grad_output;
  const Tensor chosen = at::scatter(at::zeros_like(self), target.dim, target.index, -1.0);
  if (chosen.dim() > grad.dim() && grad.dim() > 0) grad = grad.unsqueeze(target.dim);
  if (weight.has_value() && weight->defined()) grad = grad * along(*weight, self.dim(), target.dim);
  return chosen * at::where(target.kept, grad, at::zeros_like(grad));
}

Tensor mse_backward(const Tensor& grad_output, const Tensor& self, const Tensor& target, int64_t reduction) {
  const double norm = 2 * norm_of(self, reduction);
  return ((widened(self) - widened(target)) * norm * widened(grad_output)).to(self.scalar_type());
}

Tensor smooth_l1_backward(const Tensor& grad_output, const Tensor& self, const Tensor& target, int64_t reduction,
                          double beta) {
  const Tensor x = widened(self) - widened(target);
  const Tensor grad = widened(grad_output) * norm_of(self, reduction);
  return at::where(x.abs().lt(beta), grad * x / beta, grad * x.sign()).to(self.scalar_type());
}

Tensor huber_backward(const Tensor& grad_output, const Tensor& self, const Tensor& target, int64_t reduction,
                      double delta) {
  const Tensor x = widened(self) - widened(target);
  const Tensor grad = widened(grad_output) * norm_of(self, reduction);
  return at::where(x.lt(-delta), -grad * delta, at::where(x.gt(delta), grad * delta, x * grad)).to(self.scalar_type());
}

Tensor addr(const Tensor& self, const Tensor& a, const Tensor& b, const at::Scalar& beta, const at::Scalar& alpha) {
  const Tensor product = at::outer(a, b);
  // NaN in `self` does not count then, as in PyTorch.
  if (beta.equal(0)) return product * alpha;
  return self * beta + product * alpha;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, FuncTorchBatched, m) {
  m.impl("nll_loss_forward", nll_forward);
  m.impl("nll_loss_backward", nll_backward);
  m.impl("nll_loss2d_forward", nll_forward);
  m.impl("nll_loss2d_backward", nll_backward);
  m.impl("mse_loss_backward", mse_backward);
  m.impl("smooth_l1_loss_backward", smooth_l1_backward);
  m.impl("huber_loss_backward", huber_backward);
  m.impl("addr", addr);
}
