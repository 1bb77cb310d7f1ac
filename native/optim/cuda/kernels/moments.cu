// The sums that rules ask for before they change anything.
#include "optim/cuda/kernels/device.cuh"

namespace tc::optim::cuda {
namespace {

struct Moments {
  double sum[kMaxMoments];
};

__device__ Moments operator+(Moments a, const Moments& b) {
  for (int m = 0; m < kMaxMoments; ++m) a.sum[m] += b.sum[m];
  return a;
}

// The first chunk of an item; chunks are in the order of items.
__device__ int64_t first_chunk(const DevicePlan& plan, int64_t item) {
  int64_t low = 0, high = plan.unit[plan.units];
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (plan.chunks[middle].item < item) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// A block adds an item's chunks: each thread every 256th, then a tree.
__global__ void __launch_bounds__(kThreads) moments_kernel(DevicePlan plan, const Control* control) {
  await_previous();
  if (control->skip != 0) return;
  const int64_t chunks = plan.unit[plan.units];
  const auto* const terms = reinterpret_cast<const Moments*>(plan.terms);
  for (int64_t i = blockIdx.x; i < plan.item_count; i += gridDim.x) {
    Moments own{};
    for (int64_t c = first_chunk(plan, i) + threadIdx.x; c < chunks && plan.chunks[c].item == i; c += kThreads) {
      own = own + terms[c];
    }
    const Moments sum = block_tree(own, [](const Moments& a, const Moments& b) { return a + b; });
    if (threadIdx.x != 0) continue;
    reinterpret_cast<Moments*>(plan.moments)[i] = sum;
    plan.counts[i] = plan.items[i].numel;
  }
}

// Likewise gives all items of a rule the sums over all of them.
__device__ void add_items(const DevicePlan& plan, const Group* groups, int32_t rule) {
  auto* const moments = reinterpret_cast<Moments*>(plan.moments);
  const auto has_rule = [&](int i) { return groups[plan.items[i].group].rule == rule; };
  Moments own{};
  int64_t count = 0;
  for (int i = int(threadIdx.x); i < plan.item_count; i += kThreads) {
    if (!has_rule(i)) continue;
    own = own + moments[i];
    count += plan.counts[i];
  }
  const Moments sum = block_tree(own, [](const Moments& a, const Moments& b) { return a + b; });
  count = block_tree(count, [](int64_t a, int64_t b) { return a + b; });
  for (int i = int(threadIdx.x); i < plan.item_count; i += kThreads) {
    if (!has_rule(i)) continue;
    moments[i] = sum;
    plan.counts[i] = count;
  }
}

template <template <class> class... Rule>
__device__ void add_all_items(RuleList<Rule...>, const DevicePlan& plan, const Group* groups) {
  int32_t at = 0;
  const auto add = [&]<class R>() {
    if constexpr (over_of<R>() == Over::kEverything) add_items(plan, groups, at);
    ++at;
  };
  (add.template operator()<Rule<double>>(), ...);
}

// For rules that look at everything; by one block.
__global__ void __launch_bounds__(kThreads)
    everything_kernel(DevicePlan plan, const Group* groups, const Control* control) {
  await_previous();
  if (control->skip == 0) add_all_items(Rules{}, plan, groups);
}

}  // namespace

void finish_moments(const DevicePlan& plan, const Group* groups, const Control* control, bool everything,
                    cudaStream_t stream) {
  start(moments_kernel, plan.item_count < 4096 ? plan.item_count : 4096, kThreads, stream, plan, control);
  if (everything) start(everything_kernel, 1, kThreads, stream, plan, groups, control);
}

}  // namespace tc::optim::cuda
