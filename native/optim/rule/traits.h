// What a rule may have besides its arithmetic, and the default for a rule that has it not:
//
// - kScalars, advance(hyper, step, scalars): numbers per parameter, updated once per step before its elements. The rule
//   is then constructed with (hyper, step, scalars).
// - kMoments, kOver, measure(p, g, state, terms), use(sums, numel): sums over all elements, taken before any of them
//   changes. `measure` gives an element's terms, `use` tells the rule the sums.
// - level(hyper, step, scalars): a factor of the clippers' levels.
// - follow(change, state): for state that depends on the parameter, how far a clipper of the update has left the
//   parameter from where the rule put it.
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
