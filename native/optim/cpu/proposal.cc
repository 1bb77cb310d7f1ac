#include "optim/cpu/proposal.h"

namespace tc::optim::cpu::proposal {
namespace {

template <class Rule, class T>
void propose(const Pass& pass, int64_t first, int64_t last) {
  using C = Compute<T>;
  for (const Chunk* chunk = pass.chunks + first; chunk != pass.chunks + last; ++chunk) {
    const Item& item = pass.items[chunk->item];
    const Group& group = pass.groups[item.group];
    const Rule rule = rule_of<Rule>(pass, *chunk);
    const auto clip = clip_of<T>(pass, *chunk, group.maximize);
    const C rate = hyper_of<Rule>(group).lr;
    for (int64_t i = chunk->begin; i < chunk->begin + chunk->length; ++i) {
      C state[kMaxSlots];
      for (int k = 0; k < Rule::kSlots.count; ++k) state[k] = static_cast<const C*>(item.state[k])[i];
      const C p = widen(static_cast<const T*>(item.param)[i]);
      C x = p;
      rule(x, clip(widen(static_cast<const T*>(item.grad)[i])), state);
      static_cast<C*>(item.update)[i] = update_of(p - x, rate);
    }
  }
}

template <class Rule, class T>
void settle(const Pass& pass, int64_t first, int64_t last) {
  using C = Compute<T>;
  for (const Chunk* chunk = pass.chunks + first; chunk != pass.chunks + last; ++chunk) {
    const Item& item = pass.items[chunk->item];
    const Group& group = pass.groups[item.group];
    const Rule rule = rule_of<Rule>(pass, *chunk);
    // The gradient has been clipped: only its sign is left.
    const Clip<C> clip = clip_of<C>(pass, *chunk, false);
    const C sign = (group.maximize ? -1 : 1) * pass.source.factor();
    const C rate = hyper_of<Rule>(group).lr;
    for (int64_t i = chunk->begin; i < chunk->begin + chunk->length; ++i) {
      C state[kMaxSlots];
      for (int k = 0; k < Rule::kSlots.count; ++k) state[k] = static_cast<const C*>(item.state[k])[i];
      T& target = static_cast<T*>(item.param)[i];
      const C g = sign * widen(static_cast<const T*>(item.source)[i]);
      const C clipped = clip(static_cast<const C*>(item.grad)[i]);
      const C settled = settle_element(rule, C(widen(target)), g, clipped, rate, state);
      for (int k = 0; k < Rule::kSlots.count; ++k) static_cast<C*>(item.state[k])[i] = state[k];
      target = narrow<T>(settled);
    }
  }
}

template <template <class> class... Rule>
constexpr Kernels table(RuleList<Rule...>) {
  return {{by_dtype([]<class T>() -> Kernel { return propose<Rule<Compute<T>>, T>; })...},
          {by_dtype([]<class T>() -> Kernel { return settle<Rule<Compute<T>>, T>; })...}};
}

}  // namespace

const Kernels kernels = table(Rules{});

}  // namespace tc::optim::cpu::proposal
