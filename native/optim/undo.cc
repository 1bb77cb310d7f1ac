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
    const Plan& plan = each.plan;
    for (const Run& run : plan.visited) {
      for (int64_t c = run.first; c < run.last;) {
        const Chunk& first = plan.chunks[size_t(c)];
        const Item& item = plan.items[size_t(first.item)];
        // Chunks of one item follow one another in its memory.
        int64_t length = 0;
        for (; c < run.last && plan.chunks[size_t(c)].item == first.item; ++c) length += plan.chunks[size_t(c)].length;
        const c10::ScalarType dtype = item.dtype == Dtype::kDouble ? c10::kDouble : c10::kFloat;
        const auto options = at::TensorOptions(device_of(item)).dtype(dtype);
        char* const state = static_cast<char*>(item.state[0]) + first.begin * int64_t(c10::elementSize(dtype));
        keep(at::from_blob(state, {length}, options));
      }
    }
  }
}

}  // namespace tc::optim
