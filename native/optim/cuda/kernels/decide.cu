// Decisions. One block adds up what the reduction left, checks for non-finite gradients, asks the clipper about every
// unit, and updates counters and stage memories; many units are left to other blocks. Everything that a step decides is
// decided here, on the device.
#include "optim/cuda/kernels/advance.cuh"
#include "optim/cuda/kernels/decision.cuh"
#include "optim/cuda/kernels/device.cuh"

namespace tc::optim::cuda {
namespace {

__device__ Partial add(Order order, Partial a, Partial b, double p) {
  return for_order(order, [&]<Order kOrder>() { return combine<kOrder>(a, b, p); });
}
__device__ double norm_of(Order order, Partial a, double p) {
  return for_order(order, [&]<Order kOrder>() { return norm<kOrder>(a, p); });
}

__device__ double norm_order(const Verdict& v) { return v.order == kNoStatistic ? 2 : v.order; }

// The most threads of a block that decides: of more, each would have too few registers. The sums of a block are those
// of its first kThreads, as the bits depend on how many there are: `first_of` is where a thread of it begins.
constexpr int kDeciders = 2 * kThreads;
__device__ int64_t first_of(int64_t begin, int64_t end) {
  return int(threadIdx.x) < kThreads ? begin + int64_t(threadIdx.x) : end;
}

__device__ Partial partial_at(const Partial* partials, int64_t c) {
  const auto both = reinterpret_cast<const Vector<double, 2>*>(partials)[c];
  return {both.v[0], both.v[1]};
}

// The block adds a unit's partials: each thread every 256th, then a tree.
__device__ Partial add_unit(const Partial* partials, int64_t first, int64_t last, Order order, double p) {
  Partial own;
  int64_t c = first_of(first, last);
  // One after another, but with four on their way.
  for (; c + 3 * kThreads < last; c += 4 * kThreads) {
    const Partial a = partial_at(partials, c), b = partial_at(partials, c + kThreads);
    const Partial d = partial_at(partials, c + 2 * kThreads), e = partial_at(partials, c + 3 * kThreads);
    for_order(order, [&]<Order kOrder>() {
      own = combine<kOrder>(combine<kOrder>(combine<kOrder>(combine<kOrder>(own, a, p), b, p), d, p), e, p);
    });
  }
  for (; c < last; c += kThreads) own = add(order, own, partial_at(partials, c), p);
  return block_tree(own, [=](Partial a, Partial b) { return add(order, a, b, p); });
}

// By one thread.
__device__ void keep_norms(const Verdict& v, int64_t u, Partial gradient, Partial weight) {
  const DevicePlan& plan = v.plan;
  const double p = norm_order(v);
  const double factor = v.intake.factor();
  plan.norms[u] = factor * norm_of(order_of(p), gradient, p);
  if (v.first && !(gradient.all_finite() && finite(factor))) atomicOr(&v.control->nonfinite, 1);
  if (v.weights) plan.weight_norms[u] = norm_of(Order::kTwo, weight, 2);
}

// By the whole block.
__device__ void finish_unit(const Verdict& v, int64_t u) {
  const DevicePlan& plan = v.plan;
  const int64_t first = plan.unit[u], last = plan.unit[u + 1];
  const double p = norm_order(v);
  const Partial gradient = add_unit(plan.partials, first, last, order_of(p), p);
  Partial weight;
  if (v.weights) weight = add_unit(plan.weight_partials, first, last, Order::kTwo, 2);
  if (threadIdx.x == 0) keep_norms(v, u, gradient, weight);
}

// Each block has a share of the units: one thread per unit of one chunk, and the whole block for every larger unit.
__global__ void __launch_bounds__(kThreads) finish_kernel(Verdict v) {
  await_previous();
  if (!v.first && v.control->skip != 0) return;
  const DevicePlan& plan = v.plan;
  __shared__ int32_t larger_unit[kThreads];
  __shared__ int32_t larger_count;
  const int64_t share = (v.count() + int64_t(gridDim.x) - 1) / gridDim.x;
  const int64_t end = blockIdx.x * share + share < v.count() ? blockIdx.x * share + share : v.count();
  for (int64_t first = blockIdx.x * share; first < end; first += kThreads) {
    __syncthreads();
    if (threadIdx.x == 0) larger_count = 0;
    __syncthreads();
    if (const int64_t k = first + threadIdx.x; k < end) {
      const int32_t u = v.unit(int32_t(k));
      const int64_t c = plan.unit[u], chunks = plan.unit[u + 1] - c;
      if (chunks > 1) {
        larger_unit[atomicAdd(&larger_count, 1)] = u;
      } else {
        Partial gradient, weight;
        if (chunks == 1) gradient = plan.partials[c];
        if (chunks == 1 && v.weights) weight = plan.weight_partials[c];
        keep_norms(v, u, gradient, weight);
      }
    }
    __syncthreads();
    for (int32_t k = 0; k < larger_count; ++k) finish_unit(v, larger_unit[k]);
  }
}

// The 2-norm of the units' norms, scaled by the largest; in every thread.
__device__ double total_of(const DevicePlan& plan) {
  __shared__ double result;
  if (plan.units == 1) return plan.norms[0];
  double largest = 0;
  for (int u = int(first_of(0, plan.units)); u < plan.units; u += kThreads) largest = larger(largest, plan.norms[u]);
  largest = block_tree(largest, [](double a, double b) { return larger(a, b); });
  if (threadIdx.x == 0) result = largest;
  __syncthreads();
  largest = result;
  if (largest == 0 || !finite(largest)) return largest;
  double sum = 0;
  for (int u = int(first_of(0, plan.units)); u < plan.units; u += kThreads) {
    sum += (plan.norms[u] / largest) * (plan.norms[u] / largest);
  }
  sum = block_tree(sum, [](double a, double b) { return a + b; });
  if (threadIdx.x == 0) result = largest * sqrt(sum);
  __syncthreads();
  return result;
}

// Whether the step is taken; in every thread.
__device__ bool admitted(const Verdict& v) {
  Control& control = *v.control;
  if (!v.first) return control.skip == 0;
  __syncthreads();
  if (threadIdx.x == 0) {
    const int64_t consecutive = control.consecutive;
    control.skip = v.skips && control.nonfinite != 0;
    if (v.found != nullptr) *v.found = float(control.nonfinite);
    control.nonfinite = 0;
    if (control.skip == 0) {
      control.consecutive = 0;
    } else if (v.counts) {
      ++control.skipped;
      ++control.consecutive;
    }
    // Across the bus, so only what the host does not know yet.
    if (control.consecutive != consecutive) v.mirror.write(control.consecutive);
    __threadfence_block();
  }
  __syncthreads();
  return control.skip == 0;
}

// Asks the clipper about the units, one thread per unit, and counts. Afterwards no thread of the block reads step
// counts.
template <class C>
__device__ void decide_units(const Verdict& v, const C& clipper, double total, int64_t flip, bool advanced) {
  const DevicePlan& plan = v.plan;
  // 32 bits wide: the hardware adds no wider ones in shared memory.
  __shared__ uint32_t decided, clipped;
  if (threadIdx.x == 0) decided = clipped = 0;
  __syncthreads();
  uint32_t own_decided = 0, own_clipped = 0;
  const int64_t all = int64_t(gridDim.x) * blockDim.x;
  for (int64_t k = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; k < v.count(); k += all) {
    const int u = v.unit(int32_t(k));
    const int32_t representative = plan.unit_item[u];
    plan.coefficients[u] = 1;
    plan.limits[u] = clipper.limit();
    if (representative < 0) continue;
    const Item& item = plan.items[representative];
    const double level = item.step == nullptr ? 1 : level_of(Rules{}, v.groups[item.group], item, advanced);
    plan.limits[u] = clipper.limit() * level;
    UnitMemory memory{v.memory.numbers + u * int(C::kNumbers.size()), v.memory.histories + u};
    if (v.order == kNoStatistic) plan.norms[u] = NAN;
    const Decision decision = clipper(Seen{plan.norms[u], plan.weight_norms[u], total, plan.numel[u], level}, memory);
    ++own_decided;
    if (keep_decision(v, u, decision, flip)) ++own_clipped;
  }
  if (own_decided > 0) atomicAdd(&decided, own_decided);
  if (own_clipped > 0) atomicAdd(&clipped, own_clipped);
  __syncthreads();
  if (threadIdx.x != 0) return;
  StageCounters& counters = *v.memory.counters;
  using Count = unsigned long long;
  atomicAdd(reinterpret_cast<Count*>(&counters.decisions), Count{decided});
  atomicAdd(reinterpret_cast<Count*>(&counters.clipped), Count{clipped});
}

// Updates what a step that is taken changes besides the units' own memory; by one block.
__device__ void move_on(const Verdict& v, double total) {
  if (threadIdx.x == 0) {
    StageCounters& counters = *v.memory.counters;
    counters.decisions += v.plan.units - v.count();
    if (v.coin.power > 0) ++counters.flips;
    if (v.memory.tap_size > 0) v.memory.tap[counters.taps++ % v.memory.tap_size] = total;
  }
  advance_all(v);
}

template <class C>
__global__ void __launch_bounds__(kDeciders, 1) decide_kernel(Verdict v, C clipper) {
  await_previous();
  const DevicePlan& plan = v.plan;
  if (!v.first && v.control->skip != 0) return;
  if (v.count() <= kFewUnits && v.order != kNoStatistic) {
    for (int k = 0; k < v.count(); ++k) finish_unit(v, v.unit(k));
    __syncthreads();
  }
  if (!admitted(v)) {
    for (int u = int(threadIdx.x); u < plan.units; u += int(blockDim.x)) plan.coefficients[u] = 0;
    return;
  }
  const double total = C::kTotal || v.memory.tap_size > 0 ? total_of(plan) : NAN;
  decide_units(v, clipper, total, v.memory.counters->flips, v.advanced);
  move_on(v, total);
}

// For many units: this, and then `units_kernel`.
__global__ void __launch_bounds__(kDeciders, 1) open_kernel(Verdict v, bool wants_total) {
  await_previous();
  if (!admitted(v)) return;
  const double total = wants_total ? total_of(v.plan) : NAN;
  if (threadIdx.x == 0) v.control->total = total;
  move_on(v, total);
}

template <class C>
__global__ void __launch_bounds__(kThreads, kBlocks<float>) units_kernel(Verdict v, C clipper) {
  await_previous();
  const Control& control = *v.control;
  // The first kernel has advanced the coin and the counts.
  if (control.skip == 0) {
    return decide_units(v, clipper, control.total, v.memory.counters->flips - 1, v.advanced || v.advances);
  }
  if (!v.first) return;
  const int u = int(blockIdx.x * kThreads + threadIdx.x);
  if (u < v.plan.units) v.plan.coefficients[u] = 0;
}

// For no clipper, or one whose coefficients the host has written already.
__global__ void __launch_bounds__(kDeciders, 1) plain_kernel(Verdict v, bool chosen) {
  await_previous();
  const DevicePlan& plan = v.plan;
  if (!v.first && v.control->skip != 0) return;
  if (v.count() <= kFewUnits && v.order != kNoStatistic) {
    for (int k = 0; k < v.count(); ++k) finish_unit(v, v.unit(k));
    __syncthreads();
  }
  const bool taken = admitted(v);
  for (int u = int(threadIdx.x); !chosen && u < plan.units; u += int(blockDim.x)) {
    plan.coefficients[u] = taken ? 1 : 0;
    plan.limits[u] = INFINITY;
    if (v.order == kNoStatistic) plan.norms[u] = NAN;
  }
  if (taken) advance_all(v);
}

// As many threads as have something to do, as every barrier waits for all of them.
int deciders(const Verdict& v, int32_t decisions) {
  const int32_t most = v.plan.item_count > decisions ? v.plan.item_count : decisions;
  return most > kThreads ? kDeciders : kThreads;
}

}  // namespace

void finish_units(const Verdict& v, cudaStream_t stream) {
  const int blocks = v.count() < 4096 ? v.count() : 4096;
  start(finish_kernel, blocks, kThreads, stream, v);
}

void decide(const Verdict& v, const Clipper& clipper, cudaStream_t stream) {
  std::visit(
      [&]<class C>(const C& c) {
        if constexpr (!C::kAsksHost) {
          if (v.count() <= kManyUnits) return start(decide_kernel<C>, 1, deciders(v, v.count()), stream, v, c);
          start(open_kernel, 1, deciders(v, 0), stream, v, C::kTotal || v.memory.tap_size > 0);
          start(units_kernel<C>, (v.plan.units + kThreads - 1) / kThreads, kThreads, stream, v, c);
        }
      },
      clipper);
}

void decide_plain(const Verdict& v, bool chosen, cudaStream_t stream) {
  start(plain_kernel, 1, deciders(v, v.plan.units), stream, v, chosen);
}

}  // namespace tc::optim::cuda
