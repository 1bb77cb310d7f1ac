#include "optim/cuda/device.cuh"

namespace tc::optim::cuda {
namespace {

template <Order kOrder, class T, class F>
__device__ double sum(const T* g, int length, double p, const F& seen) {
  double total = 0;
  const auto term = [&](T x) { return power<kOrder>(seen(widen(x)), p); };
  for_elements<kVector<T>>(
      length, aligned(g),
      [&](int i) {
        const auto vector = reinterpret_cast<const Vector<T, kVector<T>>*>(g)[i];
        if constexpr (kOrder == Order::kTwo && !std::is_same_v<T, double>) {
          // fp32 for one vector only; where this overflows or underflows the sum is taken again.
          float part = 0;
          for (int k = 0; k < kVector<T>; ++k)
            part += float(seen(widen(vector.v[k]))) * float(seen(widen(vector.v[k])));
          total += part;
        } else {
          for (int k = 0; k < kVector<T>; ++k) total = accumulate<kOrder>(total, term(vector.v[k]));
        }
      },
      [&](int i) { total = accumulate<kOrder>(total, term(g[i])); });
  return block_tree(total, [](double a, double b) { return accumulate<kOrder>(a, b); });
}

template <Order kOrder, class T>
__global__ void __launch_bounds__(kThreads, kBlocks<T>) reduce_kernel(Pass pass, const int32_t* list) {
  using C = Compute<T>;
  const int32_t c = list[blockIdx.x];
  const Chunk chunk = pass.chunks[c];
  const Item& item = pass.items[chunk.item];
  const T* const g = pass.of_parameters ? place<const T>(nullptr, item.param, chunk)
                                        : place<const T>(pass.moving.grad, item.grad, chunk);
  const double p = pass.order;
  double total = sum<kOrder>(g, chunk.length, p, [](C x) { return double(x); });
  double scale = 1;
  // fp32 parts lose what lies below 1e-38.
  if (!trustworthy(total) || (kOrder == Order::kTwo && !std::is_same_v<T, double> && total < 1e-25)) {
    const auto seen = [zero = pass.intake.zero_nonfinite](C x) { return zero && !finite(x) ? 0.0 : double(x); };
    total = scale = sum<Order::kInf>(g, chunk.length, p, seen);
    if (kOrder == Order::kInf || !finite(scale) || scale == 0) {
      scale = 1;
    } else {
      total = sum<kOrder>(g, chunk.length, p, [=](C x) { return seen(x) / scale; });
    }
  }
  if (threadIdx.x == 0) pass.partial[c] = {total, scale};
}

template <Order kOrder>
void launch(const Job& job, const Run& run, Dtype dtype) {
  const auto run_kernel = [&](auto kernel) { start(kernel, run.count, kThreads, job.stream, job.pass, run.list); };
  switch (dtype) {
    case Dtype::kFloat:
      return run_kernel(reduce_kernel<kOrder, float>);
    case Dtype::kDouble:
      return run_kernel(reduce_kernel<kOrder, double>);
    case Dtype::kHalf:
      return run_kernel(reduce_kernel<kOrder, Half>);
    case Dtype::kBFloat16:
      return run_kernel(reduce_kernel<kOrder, BFloat16>);
  }
}

}  // namespace

void reduce(const Job& job, const Run& run, Order order) {
  const Dtype dtype = job.pass.of_parameters ? run.param_dtype : run.dtype;
  switch (order) {
    case Order::kOne:
      return launch<Order::kOne>(job, run, dtype);
    case Order::kTwo:
      return launch<Order::kTwo>(job, run, dtype);
    case Order::kAny:
      return launch<Order::kAny>(job, run, dtype);
    case Order::kInf:
      return launch<Order::kInf>(job, run, dtype);
  }
}

}  // namespace tc::optim::cuda
