#include "optim/cpu/placement.h"

namespace tc::optim::cpu::placement {
namespace {

int64_t step_of(const Item& item) { return item.step == nullptr ? 0 : *item.step; }

template <class Rule>
Rule rule_of(const Pass& pass, const Chunk& chunk) {
  const Item& item = pass.items[chunk.item];
  const auto& hyper = reinterpret_cast<const typename Rule::Hyper&>(pass.groups[item.group].hyper);
  Rule rule = make_rule<Rule>(hyper, step_of(item), item.scalars);
  if constexpr (moments_of<Rule>() > 0) {
    rule.use(pass.moments + chunk.item * kMaxMoments, pass.counts[chunk.item]);
  }
  return rule;
}

template <class Rule>
double rate_of(const Pass& pass, const Item& item) {
  return reinterpret_cast<const typename Rule::Hyper&>(pass.groups[item.group].hyper).lr;
}

// The state after the step, in `state`, and the parameter, in the result.
template <class Rule, class T>
Compute<T> stepped(const Rule& rule, const Item& item, Compute<T> p, Compute<T> g, int64_t i, Compute<T>* state) {
  for (int k = 0; k < Rule::kSlots.count; ++k) state[k] = static_cast<Compute<T>*>(item.state[k])[i];
  rule(p, g, state);
  return p;
}

template <class Rule, class T>
void propose(const Pass& pass, int64_t first, int64_t last) {
  using C = Compute<T>;
  for (const Chunk* chunk = pass.chunks + first; chunk != pass.chunks + last; ++chunk) {
    const Item& item = pass.items[chunk->item];
    const Rule rule = rule_of<Rule>(pass, *chunk);
    const auto clip = clip_of<C>(pass, *chunk, pass.groups[item.group].maximize);
    const C rate = rate_of<Rule>(pass, item);
    for (int64_t i = chunk->begin; i < chunk->begin + chunk->length; ++i) {
      C state[kMaxSlots];
      const C p = widen(static_cast<const T*>(item.param)[i]);
      const C moved = p - stepped<Rule, T>(rule, item, p, clip(widen(static_cast<const T*>(item.grad)[i])), i, state);
      static_cast<C*>(item.update)[i] = rate == 0 ? moved : moved / rate;
    }
  }
}

template <class Rule, class T>
void settle(const Pass& pass, int64_t first, int64_t last) {
  using C = Compute<T>;
  for (const Chunk* chunk = pass.chunks + first; chunk != pass.chunks + last; ++chunk) {
    const Item& item = pass.items[chunk->item];
    const Rule rule = rule_of<Rule>(pass, *chunk);
    // The gradient has been clipped: only its sign is left.
    const Clip<C> clip = clip_of<C>(pass, *chunk, false);
    const C sign = (pass.groups[item.group].maximize ? -1 : 1) * pass.source.factor();
    const C rate = rate_of<Rule>(pass, item);
    for (int64_t i = chunk->begin; i < chunk->begin + chunk->length; ++i) {
      C state[kMaxSlots];
      T& target = static_cast<T*>(item.param)[i];
      const C p = widen(target);
      const C plain = stepped<Rule, T>(rule, item, p, sign * widen(static_cast<const T*>(item.source)[i]), i, state);
      const C moved = p - plain;
      const C clipped = clip(static_cast<const C*>(item.grad)[i]);
      // An update that no clipper has touched changes no bit.
      const C settled = clipped == (rate == 0 ? moved : moved / rate) ? plain : p - rate * clipped;
      if constexpr (requires { rule.follow(settled, state); }) rule.follow(settled - plain, state);
      for (int k = 0; k < Rule::kSlots.count; ++k) static_cast<C*>(item.state[k])[i] = state[k];
      target = narrow<T>(settled);
    }
  }
}

template <template <class> class... Rule>
constexpr Kernels table(RuleList<Rule...>) {
  return {{{propose<Rule<float>, float>, propose<Rule<double>, double>, propose<Rule<float>, Half>,
            propose<Rule<float>, BFloat16>}...},
          {{settle<Rule<float>, float>, settle<Rule<double>, double>, settle<Rule<float>, Half>,
            settle<Rule<float>, BFloat16>}...}};
}

}  // namespace

const Kernels kernels = table(Rules{});

}  // namespace tc::optim::cpu::placement
