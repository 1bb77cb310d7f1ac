// Clipping of gradients into memory, and the choice of the dtype's kernels.
#include "optim/cuda/kernels/device.cuh"

namespace tc::optim::cuda {

template <class T>
void update_as(const Job&, const Run&);
template <class T>
void measure_as(const Job&, const Run&);
template <class T>
void propose_as(const Job&, const Run&);
template <class T>
void settle_as(const Job&, const Run&);

namespace {

template <class T>
__global__ void __launch_bounds__(kThreads) clip_kernel(Pass pass, const int32_t* list, const Control* control) {
  if (control != nullptr && control->skip != 0) return;
  const Chunk chunk = pass.chunks[list[blockIdx.x]];
  const Item& item = pass.items[chunk.item];
  const auto op = clip_of<Compute<T>>(pass, chunk, false);
  const T* const g = place<const T>(pass.moving.grad, item.grad, chunk);
  T* const out = place<T>(pass.moving.out, item.out, chunk);
  const int head = head_of(g);
  for_elements<kVector<T>>(
      chunk.length, aligned(out + head) ? head : chunk.length,
      [&](int i) {
        auto vector = reinterpret_cast<const Vector<T, kVector<T>>&>(g[i]);
        for (int k = 0; k < kVector<T>; ++k) vector.v[k] = narrow<T>(op(widen(vector.v[k])));
        reinterpret_cast<Vector<T, kVector<T>>&>(out[i]) = vector;
      },
      [&](int i) { out[i] = narrow<T>(op(widen(g[i]))); });
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    elements_kernel(Pass pass, const int32_t* list, const Control* control, SpamClip clipper, const double* count) {
  if (control->skip != 0) return;
  using C = Compute<T>;
  const Chunk chunk = pass.chunks[list[blockIdx.x]];
  const Item& item = pass.items[chunk.item];
  const T* const g = place<const T>(pass.moving.grad, item.grad, chunk);
  T* const out = place<T>(pass.moving.out, item.out, chunk);
  C* const square = static_cast<C*>(item.state[0]) + chunk.begin;
  const C start = clipper.started(*count);
  const C factor = pass.intake.factor();
  for (int i = int(threadIdx.x); i < chunk.length; i += kThreads) {
    out[i] = narrow<T>(clipper.clip<C>(factor * widen(g[i]), square[i], start));
  }
}

}  // namespace

void clip(const Job& job, const Run& run) {
  for_dtype(run.dtype, [&]<class T>() {
    start(clip_kernel<T>, run.count, kThreads, job.stream, job.pass, run.list, job.control);
  });
}

void clip_elements(const Job& job, const Run& run, const SpamClip& clipper, const double* count) {
  for_dtype(run.dtype, [&]<class T>() {
    start(elements_kernel<T>, run.count, kThreads, job.stream, job.pass, run.list, job.control, clipper, count);
  });
}

void update(const Job& job, const Run& run) {
  for_dtype(run.param_dtype, [&]<class T>() { update_as<T>(job, run); });
}
void measure(const Job& job, const Run& run) {
  for_dtype(run.param_dtype, [&]<class T>() { measure_as<T>(job, run); });
}
void propose(const Job& job, const Run& run) {
  for_dtype(run.param_dtype, [&]<class T>() { propose_as<T>(job, run); });
}
void settle(const Job& job, const Run& run) {
  for_dtype(run.param_dtype, [&]<class T>() { settle_as<T>(job, run); });
}

}  // namespace tc::optim::cuda
