#include "optim/cuda/kernels/decision.cuh"
#include "optim/cuda/kernels/partial.cuh"
#include "optim/cuda/kernels/update.cuh"

namespace tc::optim::cuda {
namespace {

// The norms of the unit; where a small block has two warps, those of the gradient and of the parameter at once.
template <class Team, class T>
__device__ void weigh_unit(const DevicePass& pass, const Chunk& chunk, const DevicePlan& plan, bool weights) {
  const Item& item = pass.items[chunk.item];
  const T* const g = begin_of<const T>(pass.moving.grad, item.grad, chunk);
  const T* const p = begin_of<const T>(nullptr, item.param, chunk);
  const auto keep_norm = [&]<class Summing>(double* norms, const T* x, bool zero_nonfinite) {
    const Partial partial = partial_of<Summing, Order::kTwo>(x, chunk.length, 2, zero_nonfinite);
    if (Summing::rank() == 0) norms[chunk.unit] = norm<Order::kTwo>(partial, 2);
  };
  const bool zero_nonfinite = pass.intake.zero_nonfinite;
  if constexpr (std::is_same_v<Team, Block>) {
    keep_norm.template operator()<Block>(plan.norms, g, zero_nonfinite);
    if (weights) keep_norm.template operator()<Block>(plan.weight_norms, p, false);
  } else {
    static_assert(Team::kSize == 2 * kWarp);
    const bool second = int(threadIdx.x) >= kWarp;
    if (!second || weights) {
      keep_norm.template operator()<Warp>(second ? plan.weight_norms : plan.norms, second ? p : g,
                                          zero_nonfinite && !second);
    }
    __syncthreads();
  }
}

template <class Team, class T>
__device__ void decide_unit(const DevicePass& pass, const Chunk& chunk, const Verdict& v, const UnitClip& clipper) {
  const DevicePlan& plan = v.plan;
  const int u = chunk.unit;
  weigh_unit<Team, T>(pass, chunk, plan, clipper.weights());
  if (threadIdx.x != 0) return;
  plan.limits[u] = INFINITY;
  // The decision about the other units has advanced the coin.
  const int64_t flip = v.memory.counters->flips - 1;
  const Decision decision = clipper(Seen{plan.norms[u], plan.weight_norms[u], NAN, plan.numel[u], 1});
  if (keep_decision(v, u, decision, flip)) {
    atomicAdd(reinterpret_cast<unsigned long long*>(&v.memory.counters->clipped), 1ull);
  }
}

template <class Rule, class Team, class T>
__global__ void __launch_bounds__(kThreadsOf<Team>, kBlocks<T, Team>)
    visit_kernel(DevicePass pass, const Work* list, Verdict v, UnitClip clipper) {
  await_previous();
  static_assert(moments_of<Rule>() == 0 && !has_level<Rule>(), "no other unit has a say");
  decide_unit<Team, T>(pass, work_at(list + blockIdx.x).chunk, v, clipper);
  __syncthreads();
  // Looked up again: the two halves of this kernel do not fit into the registers together.
  const Chunk chunk = list[blockIdx.x].chunk;
  update_chunk<Rule, T, Team>(pass, chunk, pass.items[chunk.item], shared_rule<Rule, Team>(pass, chunk));
}

template <class T, template <class> class... Rule>
void visit_as(RuleList<Rule...>, const Job& job, const Launch& launch, const Verdict& v, const UnitClip& clipper) {
  const auto try_start = [&]<class Own>() {
    for_team(launch, [&]<class Team>() {
      start(visit_kernel<Own, Team, T>, launch.count, Team::kSize, job.stream, job.pass, launch.list, v, clipper);
    });
    return true;
  };
  static_cast<void>(
      ((rule_index<Rule>(Rules{}) == launch.rule && try_start.template operator()<Rule<Compute<T>>>()) || ...));
}

}  // namespace

void visit(const Job& job, const Launch& launch, const Verdict& v, const UnitClip& clipper) {
  for_dtype(launch.param_dtype, [&]<class T>() { visit_as<T>(VisitedRules{}, job, launch, v, clipper); });
}

}  // namespace tc::optim::cuda
