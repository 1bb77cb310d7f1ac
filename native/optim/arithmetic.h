// What every driver computes alike for one element, one chunk or one parameter.
#pragma once

#include "optim/pass.h"
#include "optim/rule/traits.h"

namespace tc::optim {

// The updates that the item has taken, with the one under way; 0 where its rule does not count them.
TC_HD int64_t step_of(const Item& item) { return item.step == nullptr ? 0 : *item.step; }

// A group's options as its rule declares them.
template <class Rule>
TC_HD const typename Rule::Hyper& hyper_of(const double* hyper) {
  return *reinterpret_cast<const typename Rule::Hyper*>(hyper);
}
template <class Rule>
TC_HD const typename Rule::Hyper& hyper_of(const Group& group) {
  return hyper_of<Rule>(group.hyper);
}

// The rule as the chunk's parameter needs it.
template <class Rule>
TC_HD Rule rule_of(const Pass& pass, const Chunk& chunk) {
  const Item& item = pass.items[chunk.item];
  Rule rule = make_rule<Rule>(hyper_of<Rule>(pass.groups[item.group]), step_of(item), item.scalars);
  if constexpr (moments_of<Rule>() > 0) {
    if (pass.moments != nullptr) rule.use(pass.moments + chunk.item * kMaxMoments, pass.counts[chunk.item]);
  }
  return rule;
}

template <class C>
TC_HD Clip<C> clip_of(const Pass& pass, const Chunk& chunk, bool negate) {
  const C scale = pass.coefficient[chunk.unit] * pass.intake.factor();
  return {negate ? -scale : scale, C(pass.limit[chunk.unit]), pass.intake.zero_nonfinite};
}

// The update that clippers look at: the change of a parameter at a learning rate of 1.
template <class C>
TC_HD C update_of(C moved, C rate) {
  return rate == 0 ? moved : moved / rate;
}

// Moves the state by the gradient, and returns the parameter as the clipped update leaves it.
template <class Rule, class C>
TC_HD C settle_element(const Rule& rule, C p, C g, C clipped, C rate, C* state) {
  C plain = p;
  rule(plain, g, state);
  // An update that no clipper has touched changes no bit.
  const C settled = clipped == update_of(p - plain, rate) ? plain : p - rate * clipped;
  if constexpr (requires { rule.follow(settled, state); }) rule.follow(settled - plain, state);
  return settled;
}

}  // namespace tc::optim
