// What a rule may have beside its arithmetic, and what it is where it has not.
//
// kScalars, advance(hyper, step, scalars): numbers of a parameter, updated once per step before its elements; the rule
// is then made with (hyper, step, scalars). kMoments, kOver, measure(p, g, state, terms), use(sums, numel): sums over
// all elements that are known before any of them moves. measure gives an element's terms, use tells the rule what they
// added up to. level(hyper, step, scalars): multiplies the levels of the clippers. follow(change, state):
// tells state that depends on the parameter how much further than the rule said a clipper of the update has left it.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class Rule>
constexpr Scalars scalars_of() {
  if constexpr (requires { Rule::kScalars; }) {
    return Rule::kScalars;
  } else {
    return {0, {}};
  }
}

template <class Rule>
constexpr int moments_of() {
  if constexpr (requires { Rule::kMoments; }) {
    static_assert(Rule::kMoments <= kMaxMoments);
    return Rule::kMoments;
  } else {
    return 0;
  }
}

template <class Rule>
constexpr Over over_of() {
  if constexpr (requires { Rule::kOver; }) {
    return Rule::kOver;
  } else {
    return Over::kTensor;
  }
}

template <class Rule>
constexpr bool has_level() {
  return requires(const typename Rule::Hyper& h, const double* s) { Rule::level(h, int64_t{}, s); };
}

template <class Rule>
TC_HD Rule make_rule(const typename Rule::Hyper& hyper, int64_t step, const double* scalars) {
  if constexpr (scalars_of<Rule>().count > 0) {
    return Rule(hyper, step, scalars);
  } else {
    return Rule(hyper, step);
  }
}

}  // namespace tc::optim
