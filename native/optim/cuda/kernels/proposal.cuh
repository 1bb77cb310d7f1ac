// The kernels for clippers that look at the update instead of the gradient, for parameters of one dtype.
#pragma once

#include "optim/cuda/kernels/device.cuh"

namespace tc::optim::cuda {

template <class Rule, class Team, class T>
__global__ void __launch_bounds__(kThreadsOf<Team>, kBlocks<T, Team>)
    propose_kernel(DevicePass pass, const Work* list, const Control* control) {
  await_previous();
  const Chunk chunk = work_at(list + blockIdx.x).chunk;
  if (control->skip != 0) return;
  using C = Compute<T>;
  const Item& item = pass.items[chunk.item];
  const Rule rule = shared_rule<Rule, Team>(pass, chunk);
  const Clip<C> clip = clip_of<T>(pass, chunk, pass.groups[item.group].maximize);
  const C rate = hyper_of<Rule>(pass.groups[item.group]).lr;
  constexpr int kWidth = kVector<C>, kCount = Rule::kSlots.count;
  const T* const p = static_cast<const T*>(item.param) + chunk.begin;
  const T* const g = begin_of<const T>(pass.moving.grad, item.grad, chunk);
  C* const out = static_cast<C*>(item.update) + chunk.begin;
  const C* s[kMaxSlots];
  const int head = head_of(out);
  bool agree = aligned(p + head, kWidth * sizeof(T)) && aligned(g + head, kWidth * sizeof(T));
  for (int k = 0; k < kCount; ++k) {
    s[k] = static_cast<const C*>(item.state[k]) + chunk.begin;
    agree = agree && aligned(s[k] + head);
  }
  // The state moves, but is not kept.
  const auto propose = [&](C before, C gradient, C* state) {
    C x = before;
    rule(x, clip(gradient), state);
    return update_of(before - x, rate);
  };
  for_elements<kWidth, Team>(
      chunk.length, agree ? head : chunk.length,
      [&](int i) {
        const auto ps = reinterpret_cast<const Vector<T, kWidth>&>(p[i]);
        const auto gs = reinterpret_cast<const Vector<T, kWidth>&>(g[i]);
        Vector<C, kWidth> ss[kMaxSlots], outs;
        for (int k = 0; k < kCount; ++k) ss[k] = reinterpret_cast<const Vector<C, kWidth>&>(s[k][i]);
#pragma unroll
        for (int j = 0; j < kWidth; ++j) {
          C state[kMaxSlots];
          for (int k = 0; k < kCount; ++k) state[k] = ss[k].v[j];
          outs.v[j] = propose(widen(ps.v[j]), widen(gs.v[j]), state);
        }
        reinterpret_cast<Vector<C, kWidth>&>(out[i]) = outs;
      },
      [&](int i) {
        C state[kMaxSlots];
        for (int k = 0; k < kCount; ++k) state[k] = s[k][i];
        out[i] = propose(widen(p[i]), widen(g[i]), state);
      });
}

template <class Rule, class Team, class T>
__global__ void __launch_bounds__(kThreadsOf<Team>, kBlocks<T, Team>)
    settle_kernel(DevicePass pass, const Work* list, const Control* control) {
  await_previous();
  const Chunk chunk = work_at(list + blockIdx.x).chunk;
  if (control->skip != 0) return;
  using C = Compute<T>;
  const Item& item = pass.items[chunk.item];
  const Rule rule = shared_rule<Rule, Team>(pass, chunk);
  // The gradient has been clipped: only its sign is left.
  const Clip<C> clip = clip_of<C>(pass, chunk, false);
  const C sign = (pass.groups[item.group].maximize ? -1 : 1) * pass.source.factor();
  const C rate = hyper_of<Rule>(pass.groups[item.group]).lr;
  constexpr int kWidth = kVector<C>, kCount = Rule::kSlots.count;
  T* const p = static_cast<T*>(item.param) + chunk.begin;
  const T* const g = begin_of<const T>(pass.moving.source, item.source, chunk);
  const C* const update = static_cast<const C*>(item.grad) + chunk.begin;
  C* s[kMaxSlots];
  const int head = head_of(update);
  bool agree = aligned(p + head, kWidth * sizeof(T)) && aligned(g + head, kWidth * sizeof(T));
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
        const auto us = reinterpret_cast<const Wide&>(update[i]);
        Wide ss[kMaxSlots];
        for (int k = 0; k < kCount; ++k) ss[k] = reinterpret_cast<Wide&>(s[k][i]);
#pragma unroll
        for (int j = 0; j < kWidth; ++j) {
          C state[kMaxSlots];
          for (int k = 0; k < kCount; ++k) state[k] = ss[k].v[j];
          ps.v[j] =
              narrow<T>(settle_element(rule, C(widen(ps.v[j])), sign * widen(gs.v[j]), clip(us.v[j]), rate, state));
          for (int k = 0; k < kCount; ++k) ss[k].v[j] = state[k];
        }
        for (int k = 0; k < kCount; ++k) reinterpret_cast<Wide&>(s[k][i]) = ss[k];
        reinterpret_cast<Vector<T, kWidth>&>(p[i]) = ps;
      },
      [&](int i) {
        C state[kMaxSlots];
        for (int k = 0; k < kCount; ++k) state[k] = s[k][i];
        p[i] = narrow<T>(settle_element(rule, C(widen(p[i])), sign * widen(g[i]), clip(update[i]), rate, state));
        for (int k = 0; k < kCount; ++k) s[k][i] = state[k];
      });
}

template <class T>
void propose_as(const Job& job, const Launch& launch) {
  for_rule(Rules{}, launch.rule, [&]<template <class> class Rule>() {
    for_team(launch, [&]<class Team>() {
      start(propose_kernel<Rule<Compute<T>>, Team, T>, launch.part_count, Team::kSize, job.stream, job.pass,
            launch.parts, job.control);
    });
  });
}
template <class T>
void settle_as(const Job& job, const Launch& launch) {
  for_rule(Rules{}, launch.rule, [&]<template <class> class Rule>() {
    for_team(launch, [&]<class Team>() {
      start(settle_kernel<Rule<Compute<T>>, Team, T>, launch.part_count, Team::kSize, job.stream, job.pass,
            launch.parts, job.control);
    });
  });
}

}  // namespace tc::optim::cuda
