#include "optim/cuda/kernels/partial.cuh"

namespace tc::optim::cuda {
namespace {

template <Order kOrder, class Team, class T>
__global__ void __launch_bounds__(kThreadsOf<Team>, kBlocks<T, Team>)
    reduce_kernel(DevicePass pass, const Work* list, int count) {
  await_previous();
  const int k = Team::number();
  if (k >= count) return;
  const Work work = work_at(list + k);
  const Chunk& chunk = work.chunk;
  const T* const g = begin_of<const T>(pass.moving.grad, pass.items[chunk.item].grad, chunk);
  const Partial partial = partial_of<Team, kOrder>(g, chunk.length, pass.order, pass.intake.zero_nonfinite);
  if (Team::rank() == 0) pass.partial[work.index] = partial;
}

// The first half of the teams computes the gradients' 2-norm, the other half that of the parameters, of type P.
template <class P, class Team, class T>
__global__ void __launch_bounds__(kThreadsOf<Team>, kBlocks<T, Team>)
    weigh_kernel(DevicePass pass, const Work* list, int count) {
  await_previous();
  const int k = Team::number();
  if (k >= 2 * count) return;
  const bool weighs = k >= count;
  const Work work = work_at(list + (weighs ? k - count : k));
  const Chunk& chunk = work.chunk;
  const Item& item = pass.items[chunk.item];
  if (weighs) {
    const P* const p = begin_of<const P>(nullptr, item.param, chunk);
    const Partial partial = partial_of<Team, Order::kTwo>(p, chunk.length, 2, false);
    if (Team::rank() == 0) pass.weight_partial[work.index] = partial;
  } else {
    const T* const g = begin_of<const T>(pass.moving.grad, item.grad, chunk);
    const Partial partial = partial_of<Team, Order::kTwo>(g, chunk.length, 2, pass.intake.zero_nonfinite);
    if (Team::rank() == 0) pass.partial[work.index] = partial;
  }
}

// For each chunk of the launch, `each` teams.
template <class Team>
void start_teams(void (*kernel)(DevicePass, const Work*, int), const Job& job, const Launch& launch, int64_t each = 1) {
  const int64_t blocks = (each * launch.count + Team::kInBlock - 1) / Team::kInBlock;
  start(kernel, blocks, kThreadsOf<Team>, job.stream, job.pass, launch.list, launch.count);
}

}  // namespace

void reduce(const Job& job, const Launch& launch, Order order) {
  for_order(order, [&]<Order kOrder>() {
    for_dtype(launch.dtype, [&]<class T>() {
      // Other norms take longer to compute than a block waits.
      if constexpr (kOrder != Order::kAny) {
        if (launch.small) return start_teams<Warp>(reduce_kernel<kOrder, Warp, T>, job, launch);
      }
      start_teams<Block>(reduce_kernel<kOrder, Block, T>, job, launch);
    });
  });
}

void weigh(const Job& job, const Launch& launch) {
  for_dtype(launch.param_dtype, [&]<class P>() {
    const auto weigh_as = [&]<class T>() {
      if (launch.small) return start_teams<Warp>(weigh_kernel<P, Warp, T>, job, launch, 2);
      start_teams<Block>(weigh_kernel<P, Block, T>, job, launch, 2);
    };
    // What is clipped is a gradient, or an update of the type that the rule computes in.
    if (launch.dtype == launch.param_dtype) return weigh_as.template operator()<P>();
    weigh_as.template operator()<Compute<P>>();
  });
}

}  // namespace tc::optim::cuda
