// Clipping of gradients into memory.
#include "optim/cuda/kernels/device.cuh"

namespace tc::optim::cuda {
namespace {

template <class Team, class T>
__global__ void __launch_bounds__(kThreadsOf<Team>)
    clip_kernel(DevicePass pass, const Work* list, const Control* control) {
  await_previous();
  const Chunk chunk = work_at(list + blockIdx.x).chunk;
  if (control != nullptr && control->skip != 0) return;
  const Item& item = pass.items[chunk.item];
  const auto op = clip_of<T>(pass, chunk, false);
  const T* const g = begin_of<const T>(pass.moving.grad, item.grad, chunk);
  T* const out = begin_of<T>(pass.moving.out, item.out, chunk);
  const int head = head_of(g);
  for_elements<kVector<T>, Team>(
      chunk.length, aligned(out + head) ? head : chunk.length,
      [&](int i) {
        auto vector = reinterpret_cast<const Vector<T, kVector<T>>&>(g[i]);
        for (int k = 0; k < kVector<T>; ++k) vector.v[k] = narrow<T>(op(widen(vector.v[k])));
        reinterpret_cast<Vector<T, kVector<T>>&>(out[i]) = vector;
      },
      [&](int i) { out[i] = narrow<T>(op(widen(g[i]))); });
}

// `numbers` are those that the clipper remembers of each unit.
template <class C, class Team, class T>
__global__ void __launch_bounds__(kThreadsOf<Team>)
    elements_kernel(DevicePass pass, const Work* list, const Control* control, C clipper, const double* numbers) {
  await_previous();
  if (control->skip != 0) return;
  using X = Compute<T>;
  __shared__ X prepared;
  if (threadIdx.x == 0) {
    const int64_t unit = list[blockIdx.x].chunk.unit;
    prepared = clipper.prepare(numbers + unit * int64_t(C::kNumbers.size()));
  }
  __syncthreads();
  // Looked up again: held across the above, it would cost registers.
  const Chunk chunk = list[blockIdx.x].chunk;
  const Item& item = pass.items[chunk.item];
  const T* const g = begin_of<const T>(pass.moving.grad, item.grad, chunk);
  T* const out = begin_of<T>(pass.moving.out, item.out, chunk);
  X* const state = static_cast<X*>(item.state[0]) + chunk.begin;
  const X factor = pass.intake.factor();
  constexpr int kWidth = kVector<X>;
  const int head = head_of(state);
  const bool agree = aligned(g + head, kWidth * sizeof(T)) && aligned(out + head, kWidth * sizeof(T));
  const auto clipped = [&](T x, X& kept) {
    return narrow<T>(clipper.template clip<X>(factor * widen(x), kept, prepared));
  };
  for_elements<kWidth, Team>(
      chunk.length, agree ? head : chunk.length,
      [&](int i) {
        auto gs = reinterpret_cast<const Vector<T, kWidth>&>(g[i]);
        auto kept = reinterpret_cast<const Vector<X, kWidth>&>(state[i]);
        for (int k = 0; k < kWidth; ++k) gs.v[k] = clipped(gs.v[k], kept.v[k]);
        reinterpret_cast<Vector<X, kWidth>&>(state[i]) = kept;
        reinterpret_cast<Vector<T, kWidth>&>(out[i]) = gs;
      },
      [&](int i) { out[i] = clipped(g[i], state[i]); });
}

}  // namespace

void clip(const Job& job, const Launch& launch) {
  for_dtype(launch.dtype, [&]<class T>() {
    for_team(launch, [&]<class Team>() {
      start(clip_kernel<Team, T>, launch.part_count, Team::kSize, job.stream, job.pass, launch.parts, job.control);
    });
  });
}

void clip_elements(const Job& job, const Launch& launch, const Clipper& clipper, const double* numbers) {
  std::visit(
      [&]<class C>(const C& own) {
        if constexpr (C::kElements) {
          for_dtype(launch.dtype, [&]<class T>() {
            for_team(launch, [&]<class Team>() {
              start(elements_kernel<C, Team, T>, launch.part_count, Team::kSize, job.stream, job.pass, launch.parts,
                    job.control, own, numbers);
            });
          });
        }
      },
      clipper);
}

}  // namespace tc::optim::cuda
