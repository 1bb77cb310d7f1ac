#include "optim/gradients.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>

#include "error.h"
#include "optim/clip/norm.h"
#include "optim/cpu/passes.h"
#include "optim/partial_memory.h"
#include "optim/target.h"
#include "optim/tensor_view.h"
#if defined(TC_CUDA_DRIVER)
#include "optim/cuda/driver.h"
#include "optim/cuda/gradients.h"
#endif

namespace tc::optim {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// The tensors of one device as a plan with a single unit. Tensors with gaps in memory are visited as copies.
class Batch {
 public:
  Batch(const std::vector<at::Tensor>& tensors, bool write) {
    std::vector<Item> items;
    std::unordered_set<const c10::TensorImpl*> seen;
    for (const at::Tensor& tensor : tensors) {
      if (write && !seen.insert(tensor.unsafeGetTensorImpl()).second) continue;
      require_dense_storage(tensor, "tensor");
      require_whole(tensor);
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
    if (complex_ && p != 2) throw Error("ERR_ARGUMENT", "only the 2-norm is supported for complex tensors");
    const c10::ScalarType dtype = fp64_ ? c10::kDouble : c10::kFloat;
#if defined(TC_CUDA_DRIVER)
    if (cuda_) {
      if (refuse_nonfinite && cuda::capturing(device_)) {
        throw Error("ERR_STATE", "a graph cannot capture \"errorIfNonfinite\", which waits for the norm");
      }
      norm_ = cuda_->norm(p);
      if (refuse_nonfinite && !cuda_->all_finite()) return {};
      return norm_.to(dtype);
    }
#endif
    const bool finite = cpu::reduce(plan, p, {});
    norm_ = at::scalar_tensor(plan.norms[0], c10::kDouble);
    return refuse_nonfinite && !finite ? at::Tensor() : norm_.to(dtype);
  }

  // The norm that was computed last, in fp64.
  const at::Tensor& exact() const { return norm_; }
  bool fp64() const { return fp64_; }

  void clip_to(double max_norm, const at::Tensor& norm) {
#if defined(TC_CUDA_DRIVER)
    if (cuda_) {
      const auto options = at::TensorOptions(device_).dtype(c10::kDouble);
      const at::Tensor wide = norm.to(options).reshape({});
      // An infinite level leaves an infinite norm alone, as NormClip does.
      const at::Tensor ratio = max_norm == kNoLimit ? at::where(wide.isnan(), wide, at::ones({}, options))
                                                    : wide.add(1e-6).reciprocal().mul(max_norm);
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

  void require_order() const {
    if (complex_) throw Error("ERR_ARGUMENT", "complex tensors cannot be clipped by value");
  }

  void clamp(double limit) {
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

  std::vector<at::Tensor> originals_, seen_as_;
  Plan plan;
  at::Tensor norm_;
  c10::Device device_ = c10::kCPU;
  bool complex_ = false, fp64_ = false;
#if defined(TC_CUDA_DRIVER)
  std::optional<cuda::Gradients> cuda_;
#endif
};

// One batch per device that the tensors lie on.
class Batches {
 public:
  Batches(const std::vector<at::Tensor>& tensors, bool write) {
    std::vector<std::pair<std::pair<c10::Device, int>, std::vector<at::Tensor>>> parts;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const std::pair where(tensors[i].device(), turn(i));
      auto part = std::find_if(parts.begin(), parts.end(), [&](const auto& p) { return p.first == where; });
      if (part == parts.end()) part = parts.insert(part, {where, {}});
      part->second.push_back(tensors[i]);
    }
    if (parts.empty()) parts.push_back({{c10::kCPU, 0}, {}});
    for (const auto& [where, part] : parts) batches_.emplace_back(part, write);
  }

  // On the first tensor's device, as in PyTorch; undefined if refused.
  at::Tensor norm(double p, bool refuse_nonfinite) {
    std::vector<at::Tensor> norms;
    bool fp64 = false;
    for (Batch& batch : batches_) {
      const at::Tensor norm = batch.norm(p, refuse_nonfinite);
      if (!norm.defined() || batches_.size() == 1) {
        norm_ = batch.exact();
        return norm;
      }
      fp64 = fp64 || batch.fp64();
      norms.push_back(batch.exact().to(batches_.front().exact().device(), /*non_blocking=*/true));
    }
    norm_ = at::linalg_vector_norm(at::stack(norms), p);
    return norm_.to(fp64 ? c10::kDouble : c10::kFloat);
  }

  // By the norm that was computed last.
  void clip_to(double max_norm) { clip_to(max_norm, norm_); }
  void clip_to(double max_norm, const at::Tensor& norm) {
    for (Batch& batch : batches_) batch.clip_to(max_norm, norm);
  }
  void clamp(double limit) {
    for (const Batch& batch : batches_) {
      if (limit != kNoLimit) batch.require_order();
    }
    for (Batch& batch : batches_) batch.clamp(limit);
  }

 private:
  // All emulated devices share the host's memory.
  static int turn([[maybe_unused]] size_t i) {
#if defined(TORCH_CLIP_EMULATE_CUDA)
    return int(i) % cuda::emulation::devices;
#else
    return 0;
#endif
  }

  const at::NoGradGuard no_grad_;
  std::deque<Batch> batches_;
  at::Tensor norm_;
};

}  // namespace

at::Tensor total_norm(const std::vector<at::Tensor>& tensors, double p, bool refuse_nonfinite) {
  return Batches(tensors, false).norm(p, refuse_nonfinite);
}

at::Tensor clip_by_norm(const std::vector<at::Tensor>& tensors, double max_norm, double p, bool refuse_nonfinite) {
  Batches batches(tensors, true);
  const at::Tensor total = batches.norm(p, refuse_nonfinite);
  if (total.defined()) batches.clip_to(max_norm);
  return total;
}

void clip_with_norm(const std::vector<at::Tensor>& tensors, double max_norm, const at::Tensor& norm) {
  Batches(tensors, true).clip_to(max_norm, norm);
}

void clip_by_value(const std::vector<at::Tensor>& tensors, double limit) { Batches(tensors, true).clamp(limit); }

}  // namespace tc::optim
