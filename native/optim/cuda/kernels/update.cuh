// The update of parameters of one dtype.
#pragma once

#include "optim/cuda/kernels/device.cuh"

namespace tc::optim::cuda {

template <class Rule, class T, class Team>
__device__ void update_chunk(const DevicePass& pass, const Chunk& chunk, const Item& item, const Rule rule) {
  using C = Compute<T>;
  constexpr int kCount = Rule::kSlots.count;
  constexpr int kWidth = kVector<T>;
  const Clip<C> clip = clip_of<T>(pass, chunk, pass.groups[item.group].maximize);
  T* const p = static_cast<T*>(item.param) + chunk.begin;
  const T* const g = begin_of<const T>(pass.moving.grad, item.grad, chunk);
  C* s[kMaxSlots];
  const int head = head_of(p);
  bool agree = aligned(g + head);
  for (int k = 0; k < kCount; ++k) {
    s[k] = static_cast<C*>(item.state[k]) + chunk.begin;
    agree = agree && aligned(s[k] + head);
  }
  for_elements<kWidth, Team>(
      chunk.length, agree ? head : chunk.length,
      [&](int i) {
        using Wide = Vector<C, kWidth>;
        auto ps = reinterpret_cast<Vector<T, kWidth>&>(p[i]);
        const auto gs = reinterpret_cast<const Vector<T, kWidth>&>(g[i]);
        Wide ss[kMaxSlots];
        for (int k = 0; k < kCount; ++k) ss[k] = reinterpret_cast<Wide&>(s[k][i]);
#pragma unroll
        for (int j = 0; j < kWidth; ++j) {
          C x = widen(ps.v[j]);
          C state[kMaxSlots];
          for (int k = 0; k < kCount; ++k) state[k] = ss[k].v[j];
          rule(x, clip(widen(gs.v[j])), state);
          for (int k = 0; k < kCount; ++k) ss[k].v[j] = state[k];
          ps.v[j] = narrow<T>(x);
        }
        for (int k = 0; k < kCount; ++k) reinterpret_cast<Wide&>(s[k][i]) = ss[k];
        reinterpret_cast<Vector<T, kWidth>&>(p[i]) = ps;
      },
      [&](int i) {
        C x = widen(p[i]);
        C state[kMaxSlots];
        for (int k = 0; k < kCount; ++k) state[k] = s[k][i];
        rule(x, clip(widen(g[i])), state);
        for (int k = 0; k < kCount; ++k) s[k][i] = state[k];
        p[i] = narrow<T>(x);
      });
}

template <class Rule, class Team, class T>
__global__ void __launch_bounds__(kThreadsOf<Team>, kBlocks<T, Team>)
    update_kernel(DevicePass pass, const Work* list, const Control* control) {
  await_previous();
  // In reverse: the gradients that the norm read last are still in the cache.
  const Chunk chunk = work_at(list + (gridDim.x - 1 - blockIdx.x)).chunk;
  if (control->skip != 0) return;
  update_chunk<Rule, T, Team>(pass, chunk, pass.items[chunk.item], shared_rule<Rule, Team>(pass, chunk));
}

// Sums what the rule needs to know of all elements before it changes any.
template <class Rule, class Team, class T>
__global__ void __launch_bounds__(kThreadsOf<Team>, kBlocks<T, Team>)
    measure_kernel(DevicePass pass, const Work* list, const Control* control) {
  await_previous();
  const Work work = work_at(list + blockIdx.x);
  const Chunk& chunk = work.chunk;
  if (control->skip != 0) return;
  using C = Compute<T>;
  constexpr int kMoments = moments_of<Rule>();
  const Item& item = pass.items[chunk.item];
  const Rule rule = shared_rule<Rule, Team>(pass, chunk);
  const Clip<C> clip = clip_of<T>(pass, chunk, pass.groups[item.group].maximize);
  const T* const g = begin_of<const T>(pass.moving.grad, item.grad, chunk);
  double total[kMoments][kPlayed<Team>] = {};
  // Element by element, in the order in which a thread adds them up, but with several on their way.
#pragma unroll(4 / kPlayed<Team>)
  for (int first = Team::rank(); first < chunk.length; first += kThreads) {
#pragma unroll
    for (int k = 0; k < kPlayed<Team>; ++k) {
      const int i = first + k * Team::kSize;
      if (k > 0 && i >= chunk.length) continue;
      const int64_t at = chunk.begin + i;
      C state[kMaxSlots];
      for (int n = 0; n < Rule::kSlots.count; ++n) state[n] = static_cast<const C*>(item.state[n])[at];
      double term[kMoments];
      rule.measure(widen(static_cast<const T*>(item.param)[at]), clip(widen(g[i])), state, term);
      for (int m = 0; m < kMoments; ++m) total[m][k] += term[m];
    }
  }
  for (int m = 0; m < kMoments; ++m) {
    const auto add = [](double a, double b) { return a + b; };
    add_played<Team>(total[m], add);
    const double sum = block_tree<Team::kSize>(total[m][0], add);
    if (threadIdx.x == 0) pass.terms[work.index * int64_t{kMaxMoments} + m] = sum;
  }
}

template <class T>
void update_as(const Job& job, const Launch& launch) {
  for_rule(Rules{}, launch.rule, [&]<template <class> class Rule>() {
    for_team(launch, [&]<class Team>() {
      start(update_kernel<Rule<Compute<T>>, Team, T>, launch.part_count, Team::kSize, job.stream, job.pass,
            launch.parts, job.control);
    });
  });
}

template <class T>
void measure_as(const Job& job, const Launch& launch) {
  for_rule(Rules{}, launch.rule, [&]<template <class> class Rule>() {
    if constexpr (moments_of<Rule<Compute<T>>>() > 0) {
      for_team(launch, [&]<class Team>() {
        start(measure_kernel<Rule<Compute<T>>, Team, T>, launch.count, Team::kSize, job.stream, job.pass, launch.list,
              job.control);
      });
    }
  });
}

}  // namespace tc::optim::cuda
