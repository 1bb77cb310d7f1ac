#include "optim/gradients.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scalar_tensor.h>

#include <limits>
#include <optional>
#include <unordered_set>

#include "error.h"
#include "optim/clip/norm.h"
#include "optim/cpu/driver.h"
#include "optim/target.h"
#include "optim/tensor_view.h"
#if defined(TC_CUDA_DRIVER)
#include "optim/cuda/gradients.h"
#endif

namespace tc::optim {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// The tensors as one plan with a single unit; those with gaps in memory as copies.
class Batch {
 public:
  Batch(const std::vector<at::Tensor>& tensors, bool write) {
    std::vector<Item> items;
    std::unordered_set<const c10::TensorImpl*> seen;
    for (const at::Tensor& tensor : tensors) {
      if (write && !seen.insert(tensor.unsafeGetTensorImpl()).second) continue;
      require_dense_storage(tensor, "tensor");
      if (tensor.device() != tensors.front().device()) {
        throw Error("ERR_DEVICE", "the tensors must lie on one device, got " + tensors.front().device().str() +
                                      " and " + tensor.device().str());
      }
      if (write) require_writable(tensor);
      Item item;
      item.dtype = item.param_dtype = dtype_of(tensor.scalar_type());
      item.numel = reals(tensor);
      const std::vector<int64_t> layout = layout_of(tensor);
      at::Tensor seen_as = tensor;
      if (!lies_in(tensor, layout)) seen_as = empty_in(tensor, layout, tensor.scalar_type()).copy_(tensor);
      item.grad = item.out = address(seen_as);
      items.push_back(item);
      originals_.push_back(tensor);
      seen_as_.push_back(std::move(seen_as));
      complex_ = complex_ || tensor.is_complex();
      fp64_ = fp64_ || item.dtype == Dtype::kDouble;
    }
    plan.build(std::move(items), 1);
    if (!tensors.empty()) device_ = tensors.front().device();
#if defined(TC_CUDA_DRIVER)
    if (for_cuda(device_)) cuda_.emplace(plan, device_);
#endif
    if (!device_.is_cpu() && !for_cuda(device_))
      throw Error("ERR_DEVICE", "this build has no code for tensors on " + device_.str());
  }

  at::Tensor norm(double p, bool refuse_nonfinite) {
    if (complex_ && p != 2) throw Error("ERR_ARGUMENT", "of complex tensors only the 2-norm is supported");
    const c10::ScalarType dtype = fp64_ ? c10::kDouble : c10::kFloat;
#if defined(TC_CUDA_DRIVER)
    if (cuda_) {
      norm_ = cuda_->norm(p);
      if (refuse_nonfinite && !cuda_->all_finite()) return {};
      return norm_.to(dtype);
    }
#endif
    const bool finite = cpu::reduce(plan, p, {});
    norm_ = at::scalar_tensor(plan.norms[0], c10::kDouble);
    return refuse_nonfinite && !finite ? at::Tensor() : norm_.to(dtype);
  }

  // By the norm that was taken.
  void clip_to(double max_norm) { clip_to(max_norm, norm_); }

  void clip_to(double max_norm, const at::Tensor& norm) {
#if defined(TC_CUDA_DRIVER)
    if (cuda_) {
      const auto options = at::TensorOptions(device_).dtype(c10::kDouble);
      const at::Tensor ratio = norm.to(options).reshape({}).add(1e-6).reciprocal().mul(max_norm);
      cuda_->clip(at::clamp(ratio, std::nullopt, 1.0), kNoLimit);
      return publish();
    }
#endif
    const double options[] = {max_norm, 2, 1e-6};
    const double coefficient = NormClip(options).at(norm.item().toDouble(), max_norm).coefficient;
    // A coefficient of 1 changes no bit, so nothing is written.
    if (coefficient == 1) return;
    plan.coefficients[0] = coefficient;
    cpu::clip(plan, {});
    publish();
  }

  void clamp(double limit) {
    if (complex_ && limit != kNoLimit) throw Error("ERR_ARGUMENT", "complex tensors have no order to clamp by");
    if (limit == kNoLimit) return;
#if defined(TC_CUDA_DRIVER)
    if (cuda_) {
      cuda_->clip(at::ones({}, at::TensorOptions(device_).dtype(c10::kDouble)), limit);
      return publish();
    }
#endif
    plan.limits[0] = limit;
    cpu::clip(plan, {});
    publish();
  }

 private:
  void publish() {
    for (size_t i = 0; i < originals_.size(); ++i) {
      if (!seen_as_[i].is_same(originals_[i])) {
        originals_[i].copy_(seen_as_[i]);
      } else if (!originals_[i].is_inference()) {
        originals_[i].unsafeGetTensorImpl()->bump_version();
      }
    }
  }

  const at::NoGradGuard no_grad_;
  std::vector<at::Tensor> originals_, seen_as_;
  Plan plan;
  at::Tensor norm_;
  c10::Device device_ = c10::kCPU;
  bool complex_ = false, fp64_ = false;
#if defined(TC_CUDA_DRIVER)
  std::optional<cuda::Gradients> cuda_;
#endif
};

}  // namespace

at::Tensor total_norm(const std::vector<at::Tensor>& tensors, double p, bool refuse_nonfinite) {
  return Batch(tensors, false).norm(p, refuse_nonfinite);
}

at::Tensor clip_by_norm(const std::vector<at::Tensor>& tensors, double max_norm, double p, bool refuse_nonfinite) {
  Batch batch(tensors, true);
  const at::Tensor total = batch.norm(p, refuse_nonfinite);
  if (total.defined()) batch.clip_to(max_norm);
  return total;
}

void clip_with_norm(const std::vector<at::Tensor>& tensors, double max_norm, const at::Tensor& norm) {
  Batch(tensors, true).clip_to(max_norm, norm);
}

void clip_by_value(const std::vector<at::Tensor>& tensors, double limit) { Batch(tensors, true).clamp(limit); }

}  // namespace tc::optim
