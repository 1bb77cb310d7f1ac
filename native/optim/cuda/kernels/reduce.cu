#include "optim/cuda/kernels/partial.cuh"

namespace tc::optim::cuda {
namespace {

template <Order kOrder, class T>
__global__ void __launch_bounds__(kThreads, kBlocks<T>) reduce_kernel(DevicePass pass, const Work* list) {
  await_previous();
  const Work work = work_at(list + blockIdx.x);
  const Chunk& chunk = work.chunk;
  const T* const g = begin_of<const T>(pass.moving.grad, pass.items[chunk.item].grad, chunk);
  const Partial partial = partial_of<kOrder>(g, chunk.length, pass.order, pass.intake.zero_nonfinite);
  if (threadIdx.x == 0) pass.partial[work.index] = partial;
}

// The first half of the blocks computes the gradients' 2-norm, the other half that of the parameters, of type P.
template <class P, class T>
__global__ void __launch_bounds__(kThreads, kBlocks<T>) weigh_kernel(DevicePass pass, const Work* list) {
  await_previous();
  const int count = int(gridDim.x) / 2;
  const bool weighs = int(blockIdx.x) >= count;
  const Work work = work_at(list + (weighs ? int(blockIdx.x) - count : int(blockIdx.x)));
  const Chunk& chunk = work.chunk;
  const Item& item = pass.items[chunk.item];
  if (weighs) {
    const P* const p = begin_of<const P>(nullptr, item.param, chunk);
    const Partial partial = partial_of<Order::kTwo>(p, chunk.length, 2, false);
    if (threadIdx.x == 0) pass.weight_partial[work.index] = partial;
  } else {
    const T* const g = begin_of<const T>(pass.moving.grad, item.grad, chunk);
    const Partial partial = partial_of<Order::kTwo>(g, chunk.length, 2, pass.intake.zero_nonfinite);
    if (threadIdx.x == 0) pass.partial[work.index] = partial;
  }
}

}  // namespace

void reduce(const Job& job, const Launch& launch, Order order) {
  for_order(order, [&]<Order kOrder>() {
    for_dtype(launch.dtype, [&]<class T>() {
      start(reduce_kernel<kOrder, T>, launch.count, kThreads, job.stream, job.pass, launch.list);
    });
  });
}

void weigh(const Job& job, const Launch& launch) {
  for_dtype(launch.param_dtype, [&]<class P>() {
    const auto weigh_by = [&](auto kernel) {
      start(kernel, 2 * launch.count, kThreads, job.stream, job.pass, launch.list);
    };
    // What is clipped is a gradient, or an update of the type that the rule computes in.
    if (launch.dtype == launch.param_dtype) return weigh_by(weigh_kernel<P, P>);
    weigh_by(weigh_kernel<P, Compute<P>>);
  });
}

}  // namespace tc::optim::cuda
