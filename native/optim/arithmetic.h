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

// The rule that the item's parameter needs, before `use_moments`.
template <class Rule>
TC_HD Rule plain_rule_of(const Group& group, const Item& item) {
  return make_rule<Rule>(hyper_of<Rule>(group), step_of(item), item.scalars);
}
template <class Rule>
TC_HD void use_moments(Rule& rule, const Pass& pass, const Chunk& chunk) {
  if constexpr (moments_of<Rule>() > 0) {
    if (pass.moments != nullptr) rule.use(pass.moments + chunk.item * kMaxMoments, pass.counts[chunk.item]);
  }
}
template <class Rule>
TC_HD Rule rule_of(const Pass& pass, const Chunk& chunk) {
  const Item& item = pass.items[chunk.item];
  Rule rule = plain_rule_of<Rule>(pass.groups[item.group], item);
  use_moments(rule, pass, chunk);
  return rule;
}

// What clipping does to the chunk's gradients, which are stored as T.
template <class T>
TC_HD Clip<Compute<T>> clip_of(const Pass& pass, const Chunk& chunk, bool negate) {
  const double scale = pass.coefficient[chunk.unit] * pass.intake.factor();
  return {negate ? -scale : scale, Compute<T>(pass.limit[chunk.unit]), pass.intake.zero_nonfinite,
          /*has_tiny=*/std::is_same_v<T, float> || std::is_same_v<T, BFloat16>};
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
