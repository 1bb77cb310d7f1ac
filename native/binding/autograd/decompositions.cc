// The decompositions of torch/_decomp/decompositions_for_jvp.py. libtorch takes them as graphs of TorchScript.
#include "binding/autograd/decompositions.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/runtime/decomposition_registry.h>
#include <torch/jit.h>

#include <mutex>

namespace tc {
namespace {

constexpr const char* kSource = R"JIT(
def trace(self: Tensor) -> Tensor:
    return torch.sum(torch.diag(self))

def log_sigmoid_forward(self: Tensor) -> Tuple[Tensor, Tensor]:
    least = torch.minimum(torch.zeros_like(self), self)
    z = torch.exp(-torch.abs(self))
    buffer = z
    if self.is_cuda:
        buffer = self.new_zeros([0])
    return (least - torch.log1p(z), buffer)

def _log_softmax_backward_data(grad_output: Tensor, output: Tensor, dim: int, input_dtype: int) -> Tensor:
    grad_input = grad_output - torch.exp(output) * torch.sum(grad_output, [dim], True)
    return grad_input.to(input_dtype)

def _softmax_backward_data(grad_output: Tensor, output: Tensor, dim: int, input_dtype: int) -> Tensor:
    scaled = grad_output * output
    grad_input = scaled - output * torch.sum(scaled, [dim], True)
    return grad_input.to(input_dtype).contiguous()

def nll_loss_backward(grad_output: Tensor, self: Tensor, target: Tensor, weight: Optional[Tensor], reduction: int, ignore_index: int, total_weight: Tensor) -> Tensor:
    channel = 1
    if self.dim() < 2:
        channel = 0
    if reduction == 1:
        grad_output = grad_output / total_weight
    if self.dim() == 1 and target.dim() > 0:
        target = target[0]
    target = target.unsqueeze(channel)
    kept = target != ignore_index
    grad_input = torch.scatter(torch.zeros_like(self), channel, torch.where(kept, target, torch.zeros_like(target)), -1.0)
    if grad_input.dim() > grad_output.dim() and grad_output.dim() > 0:
        grad_output = grad_output.unsqueeze(channel)
    if weight is not None:
        shape = [1] * self.dim()
        shape[channel] = weight.size(0)
        grad_output = grad_output * weight.reshape(shape)
    return grad_input * torch.where(kept, grad_output, torch.zeros_like(grad_output))

def nll_loss2d_backward(grad_output: Tensor, self: Tensor, target: Tensor, weight: Optional[Tensor], reduction: int, ignore_index: int, total_weight: Tensor) -> Tensor:
    return nll_loss_backward(grad_output, self, target, weight, reduction, ignore_index, total_weight)

def moments(input: Tensor, rstd: Tensor, dims: List[int], keepdim: bool) -> Tuple[Tensor, Tensor]:
    var, mean = torch.var_mean(input, dims, correction=0, keepdim=keepdim)
    eps = torch.pow(1 / rstd, 2) - var
    return (mean, torch.rsqrt(var + eps.detach()))

def native_layer_norm_backward(grad_out: Tensor, input: Tensor, normalized_shape: List[int], mean: Tensor, rstd: Tensor, weight: Optional[Tensor], bias: Optional[Tensor], output_mask: List[bool]) -> Tuple[Tensor, Tensor, Tensor]:
    axis = input.dim() - len(normalized_shape)
    inner: List[int] = []
    outer: List[int] = []
    n = 1
    m = 1
    for i in range(input.dim()):
        if i < axis:
            outer.append(i)
            m = m * input.size(i)
        else:
            inner.append(i)
            n = n * input.size(i)
    if n <= 0 or m <= 0:
        return (input.new_zeros(input.shape), input.new_zeros(input.shape[axis:]), input.new_zeros(input.shape[axis:]))
    mean_, rstd_ = moments(input, rstd, inner, True)
    x_hat = (input - mean_) * rstd_
    grad_x_hat = grad_out
    if weight is not None:
        grad_x_hat = grad_out * weight
    d_input = torch.zeros_like(input)
    if output_mask[0]:
        a = grad_x_hat * n - torch.sum(grad_x_hat, inner, True)
        d_input = (rstd_ / n) * (a - x_hat * torch.sum(grad_x_hat * x_hat, inner, True))
    d_weight = torch.zeros([])
    if weight is not None:
        d_weight = torch.zeros_like(weight)
        if output_mask[1]:
            d_weight = grad_out * x_hat
            if len(outer) > 0:
                d_weight = torch.sum(d_weight, outer, False)
    d_bias = torch.zeros([])
    if bias is not None:
        d_bias = torch.zeros_like(bias)
        if output_mask[2]:
            d_bias = grad_out.clone()
            if len(outer) > 0:
                d_bias = torch.sum(grad_out, outer, False)
    return (d_input, d_weight, d_bias)

def native_batch_norm_backward(grad_out: Tensor, input: Tensor, weight: Optional[Tensor], running_mean: Optional[Tensor], running_var: Optional[Tensor], save_mean: Optional[Tensor], save_invstd: Optional[Tensor], train: bool, eps: float, output_mask: List[bool]) -> Tuple[Tensor, Tensor, Tensor]:
    dims: List[int] = [0]
    for i in range(2, input.dim()):
        dims.append(i)
    shape = [1] * input.dim()
    shape[1] = input.size(1)
    norm = input.size(1) / input.numel()
    if train:
        assert save_invstd is not None
        mean, invstd = moments(input, save_invstd, dims, False)
    else:
        assert running_mean is not None and running_var is not None
        mean = running_mean
        invstd = torch.rsqrt(running_var + eps)
    mean = mean.reshape(shape)
    total = torch.sum(grad_out, dims)
    dot = torch.sum(grad_out * (input - mean), dims)
    scale = invstd
    if weight is not None:
        scale = invstd * weight
    grad_input = grad_out
    if train:
        projected = (input - mean) * (dot * norm * invstd * invstd).reshape(shape)
        grad_input = grad_out - projected - (total * norm).reshape(shape)
    grad_input = grad_input * scale.reshape(shape)
    grad_weight = torch.zeros([])
    if output_mask[1]:
        grad_weight = dot * invstd
    elif weight is not None:
        grad_weight = torch.zeros_like(weight)
    grad_bias = total
    if not output_mask[2]:
        grad_bias = torch.zeros_like(total)
    return (grad_input, grad_weight, grad_bias)

def cudnn_batch_norm_backward(input: Tensor, grad_output: Tensor, weight: Tensor, running_mean: Optional[Tensor], running_var: Optional[Tensor], save_mean: Optional[Tensor], save_var: Optional[Tensor], epsilon: float, reserveSpace: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    return native_batch_norm_backward(grad_output, input, weight, running_mean, running_var, save_mean, save_var, True, epsilon, [True, True, True])

def miopen_batch_norm_backward(input: Tensor, grad_output: Tensor, weight: Tensor, running_mean: Optional[Tensor], running_var: Optional[Tensor], save_mean: Optional[Tensor], save_var: Optional[Tensor], epsilon: float) -> Tuple[Tensor, Tensor, Tensor]:
    return native_batch_norm_backward(grad_output, input, weight, running_mean, running_var, save_mean, save_var, True, epsilon, [True, True, True])

def batch_norm_backward(grad_out: Tensor, input: Tensor, weight: Tensor, running_mean: Optional[Tensor], running_var: Optional[Tensor], save_mean: Optional[Tensor], save_var: Optional[Tensor], update: bool, eps: float, output_mask: List[bool], reserve: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    return native_batch_norm_backward(grad_out, input, weight, running_mean, running_var, save_mean, save_var, update, eps, output_mask)
)JIT";

constexpr const char* kNames[] = {
    "trace",
    "log_sigmoid_forward",
    "_log_softmax_backward_data",
    "_softmax_backward_data",
    "nll_loss_backward",
    "nll_loss2d_backward",
    "native_layer_norm_backward",
    "native_batch_norm_backward",
    "cudnn_batch_norm_backward",
    "miopen_batch_norm_backward",
    "batch_norm_backward",
};

}  // namespace

void register_decompositions() {
  static std::once_flag once;
  std::call_once(once, [] {
    // The graphs refer to the other functions compiled with them.
    static const auto compiled = torch::jit::compile(kSource);
    for (const char* name : kNames) {
      const auto op = c10::Dispatcher::singleton().findSchema({std::string("aten::") + name, ""});
      if (!op.has_value()) continue;
      auto& function = torch::jit::toGraphFunction(compiled->get_function(name));
      torch::jit::RegisterDecomposition(op->schema(), function.graph());
    }
  });
}

}  // namespace tc
