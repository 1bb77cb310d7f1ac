// What a step that is taken changes in each parameter's counts, and the rules that follow from them.
#pragma once

#include <new>

#include "optim/cuda/kernels/device.cuh"

namespace tc::optim::cuda {

// The level's factor, for a rule that is known at run time only.
template <template <class> class... Rule>
__device__ double level_of(RuleList<Rule...>, const Group& group, const Item& item, bool advanced) {
  double level = 1;
  int32_t at = 0;
  const auto ask = [&]<class R>() {
    if constexpr (has_level<R>()) {
      if (at == group.rule) {
        const auto& hyper = hyper_of<R>(group);
        const int64_t step = *item.step + (advanced ? 0 : 1);
        double scalars[kMaxScalars] = {};
        for (int k = 0; k < scalars_of<R>().count; ++k) scalars[k] = item.scalars[k];
        if constexpr (scalars_of<R>().count > 0) {
          if (!advanced) R::advance(hyper, step, scalars);
        }
        level = R::level(hyper, step, scalars);
      }
    }
    ++at;
  };
  (ask.template operator()<Rule<double>>(), ...);
  return level;
}

template <template <class> class... Rule>
__device__ void advance(RuleList<Rule...>, const Group& group, const Item& item) {
  if (item.step == nullptr) return;
  const int64_t step = ++*item.step;
  int32_t at = 0;
  const auto move = [&]<class R>() {
    if constexpr (scalars_of<R>().count > 0) {
      if (at == group.rule) R::advance(hyper_of<R>(group), step, item.scalars);
    }
    ++at;
  };
  (move.template operator()<Rule<double>>(), ...);
}

template <template <class> class... Rule>
__device__ void make_rule_of(RuleList<Rule...>, const Group& group, const Item& item, unsigned char* to) {
  int32_t at = 0;
  const auto make = [&]<class R>() { new (to) R(plain_rule_of<R>(group, item)); };
  const auto ask = [&]<template <class> class R>() {
    if (at++ != group.rule) return;
    if (item.param_dtype == Dtype::kDouble) {
      make.template operator()<R<double>>();
    } else {
      make.template operator()<R<float>>();
    }
  };
  (ask.template operator()<Rule>(), ...);
}

// A function of its own, as every decision calls it and there are many rules.
static __device__ __attribute__((noinline)) void make_rule_at(const Group* group, const Item* item, unsigned char* to) {
  make_rule_of(Rules{}, *group, *item, to);
}

// Whether the rules of two items are the same: most of a model's parameters have taken equally many steps.
__device__ inline bool share_rule(const Item& a, const Item& b) {
  return a.group == b.group && a.param_dtype == b.param_dtype && a.scalars == nullptr && step_of(a) == step_of(b);
}

// Counts the step, and makes the rules with which its kernels change elements: their constants take calls of pow.
__device__ inline void advance_all(const Verdict& v) {
  if (!v.advances) return;
  using Bytes = Vector<uint64_t, 2>;
  const auto rule_at = [&](int i) { return v.plan.rules + i * kRuleBytes; };
  int made = -1;
  for (int i = int(threadIdx.x); i < v.plan.item_count; i += int(blockDim.x)) {
    const Item& item = v.plan.items[i];
    const Group& group = v.groups[item.group];
    advance(Rules{}, group, item);
    if (made >= 0 && share_rule(item, v.plan.items[made])) {
      const auto* const from = reinterpret_cast<const Bytes*>(rule_at(made));
      auto* const to = reinterpret_cast<Bytes*>(rule_at(i));
      for (int k = 0; k < int(kRuleBytes / sizeof(Bytes)); ++k) to[k] = from[k];
    } else {
      make_rule_at(&group, &item, rule_at(i));
      made = i;
    }
  }
}

}  // namespace tc::optim::cuda
