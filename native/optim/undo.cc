#include "optim/undo.h"

#include <ATen/ops/from_blob.h>

#include "optim/clip/traits.h"

namespace tc::optim {

void Undo::keep(const at::Tensor& tensor) {
  back_.push_back([tensor, kept = tensor.clone()] { tensor.copy_(kept); });
}

void Undo::keep_elements(const State& state, const std::function<c10::Device(const Item&)>& device_of) {
  for (const StagePlan& each : state.pipeline.all) {
    if (each.stage == nullptr || !acts_on_elements(each.stage->clipper)) continue;
    for (const Item& item : each.plan.items) {
      const c10::ScalarType dtype = item.dtype == Dtype::kDouble ? c10::kDouble : c10::kFloat;
      const auto options = at::TensorOptions(device_of(item)).dtype(dtype);
      keep(at::from_blob(item.state[0], {item.numel}, options));
    }
  }
}

}  // namespace tc::optim
