// The kernels for clippers that look at the update instead of the gradient, for parameters of one dtype.
#pragma once

#include "optim/cuda/kernels/device.cuh"

namespace tc::optim::cuda {

template <class Rule, class T>
__global__ void __launch_bounds__(kThreads, kBlocks<T>)
    propose_kernel(DevicePass pass, const Work* list, const Control* control) {
  const Chunk chunk = work_at(list + blockIdx.x).chunk;
  if (control->skip != 0) return;
  using C = Compute<T>;
  const Item& item = pass.items[chunk.item];
  const Rule rule = shared_rule<Rule>(pass, chunk);
  const Clip<C> clip = clip_of<T>(pass, chunk, pass.groups[item.group].maximize);
  const C rate = hyper_of<Rule>(pass.groups[item.group]).lr;
  const T* const g = begin_of<const T>(pass.moving.grad, item.grad, chunk);
  for (int k = int(threadIdx.x); k < chunk.length; k += kThreads) {
    const int64_t i = chunk.begin + k;
    C state[kMaxSlots];
    for (int j = 0; j < Rule::kSlots.count; ++j) state[j] = static_cast<const C*>(item.state[j])[i];
    const C p = widen(static_cast<const T*>(item.param)[i]);
    C x = p;
    rule(x, clip(widen(g[k])), state);
    static_cast<C*>(item.update)[i] = update_of(p - x, rate);
  }
}

template <class Rule, class T>
__global__ void __launch_bounds__(kThreads, kBlocks<T>)
    settle_kernel(DevicePass pass, const Work* list, const Control* control) {
  const Chunk chunk = work_at(list + blockIdx.x).chunk;
  if (control->skip != 0) return;
  using C = Compute<T>;
  const Item& item = pass.items[chunk.item];
  const Rule rule = shared_rule<Rule>(pass, chunk);
  // The gradient has been clipped: only its sign is left.
  const Clip<C> clip = clip_of<C>(pass, chunk, false);
  const C sign = (pass.groups[item.group].maximize ? -1 : 1) * pass.source.factor();
  const C rate = hyper_of<Rule>(pass.groups[item.group]).lr;
  const T* const g = begin_of<const T>(pass.moving.source, item.source, chunk);
  for (int k = int(threadIdx.x); k < chunk.length; k += kThreads) {
    const int64_t i = chunk.begin + k;
    C state[kMaxSlots];
    for (int j = 0; j < Rule::kSlots.count; ++j) state[j] = static_cast<const C*>(item.state[j])[i];
    T& target = static_cast<T*>(item.param)[i];
    const C clipped = clip(static_cast<const C*>(item.grad)[i]);
    const C settled = settle_element(rule, C(widen(target)), sign * widen(g[k]), clipped, rate, state);
    for (int j = 0; j < Rule::kSlots.count; ++j) static_cast<C*>(item.state[j])[i] = state[j];
    target = narrow<T>(settled);
  }
}

template <class T>
void propose_as(const Job& job, const Launch& launch) {
  for_rule(Rules{}, launch.rule, [&]<template <class> class Rule>() {
    start(propose_kernel<Rule<Compute<T>>, T>, launch.part_count, kThreads, job.stream, job.pass, launch.parts,
          job.control);
  });
}
template <class T>
void settle_as(const Job& job, const Launch& launch) {
  for_rule(Rules{}, launch.rule, [&]<template <class> class Rule>() {
    start(settle_kernel<Rule<Compute<T>>, T>, launch.part_count, kThreads, job.stream, job.pass, launch.parts,
          job.control);
  });
}

}  // namespace tc::optim::cuda
