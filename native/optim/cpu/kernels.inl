// Included by one file an instruction set, which names it in TC_ISA.
#include "optim/cpu/kernels.h"

namespace tc::optim::cpu::TC_ISA {
namespace {

template <class T>
Clip<Compute<T>> clip_of(const Pass& pass, const Item& item, bool negate) {
  using C = Compute<T>;
  const C scale = pass.coefficient[item.unit];
  return {negate ? -scale : scale, C(pass.limit), pass.zero_nonfinite};
}

int64_t step_of(const Item& item) { return item.step == nullptr ? 0 : *item.step; }

template <class Rule, class T>
void update(const Rule& rule, const Clip<Compute<T>> clip, const Item& item, const Chunk& chunk) {
  using C = Compute<T>;
  constexpr int kCount = Rule::kSlots.count;
  T* const p = static_cast<T*>(item.param) + chunk.begin;
  const T* const g = static_cast<const T*>(item.grad) + chunk.begin;
  C* s[kMaxSlots];
  for (int k = 0; k < kCount; ++k) s[k] = static_cast<C*>(item.state[k]) + chunk.begin;
#pragma GCC ivdep
  for (int64_t i = 0; i < chunk.length; ++i) {
    C x = widen(p[i]);
    C state[kMaxSlots];
    for (int k = 0; k < kCount; ++k) state[k] = s[k][i];
    rule(x, clip(widen(g[i])), state);
    for (int k = 0; k < kCount; ++k) s[k][i] = state[k];
    p[i] = narrow<T>(x);
  }
}

template <class Rule, class T>
void apply(const Pass& pass, int64_t first, int64_t last) {
  const Chunk* chunk = pass.chunks + first;
  const Chunk* const end = pass.chunks + last;
  while (chunk != end) {
    // Neighbours mostly share their group and step count, and the coefficients take two calls of pow.
    const int32_t group = pass.items[chunk->item].group;
    const int64_t step = step_of(pass.items[chunk->item]);
    const auto& hyper = reinterpret_cast<const typename Rule::Hyper&>(pass.groups[group].hyper);
    const Rule rule(hyper, step);
    for (; chunk != end; ++chunk) {
      const Item& item = pass.items[chunk->item];
      if (item.group != group || step_of(item) != step) break;
      update<Rule, T>(rule, clip_of<T>(pass, item, pass.groups[group].maximize), item, *chunk);
    }
  }
}

template <class T>
void clip(const Pass& pass, int64_t first, int64_t last) {
  for (int64_t c = first; c < last; ++c) {
    const Chunk& chunk = pass.chunks[c];
    const Item& item = pass.items[chunk.item];
    const auto op = clip_of<T>(pass, item, false);
    T* const g = static_cast<T*>(item.grad) + chunk.begin;
#pragma GCC ivdep
    for (int64_t i = 0; i < chunk.length; ++i) g[i] = narrow<T>(op(widen(g[i])));
  }
}

// Sixteen lanes in fp64: the square of an fp32 number is exact there and cannot overflow.
template <Order kOrder, class T, class F>
double sum(const T* g, int64_t n, double p, F f) {
  constexpr int kLanes = 16;
  double lane[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int k = 0; k < kLanes; ++k) lane[k] = accumulate<kOrder>(lane[k], power<kOrder>(f(widen(g[i + k])), p));
  }
  for (int k = 0; i < n; ++i, ++k) lane[k] = accumulate<kOrder>(lane[k], power<kOrder>(f(widen(g[i])), p));
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int k = 0; k < width; ++k) lane[k] = accumulate<kOrder>(lane[k], lane[k + width]);
  }
  return lane[0];
}

template <Order kOrder, class T>
void reduce(const Pass& pass, int64_t first, int64_t last) {
  using C = Compute<T>;
  const double p = pass.order;
  for (int64_t c = first; c < last; ++c) {
    const Chunk& chunk = pass.chunks[c];
    const T* const g = static_cast<const T*>(pass.items[chunk.item].grad) + chunk.begin;
    const int64_t n = chunk.length;
    double total = sum<kOrder>(g, n, p, [](C x) { return double(x); });
    double scale = 1;
    if (!trustworthy(total)) {
      const auto seen = [zero = pass.zero_nonfinite](C x) { return zero && !finite(x) ? 0.0 : double(x); };
      total = scale = sum<Order::kInf>(g, n, p, seen);
      if (kOrder == Order::kInf || !finite(scale) || scale == 0) {
        scale = 1;
      } else {
        total = sum<kOrder>(g, n, p, [=](C x) { return seen(x) / scale; });
      }
    }
    pass.partial[c] = {total, scale};
  }
}

template <template <class> class... Rule>
constexpr Kernels table(RuleList<Rule...>) {
  return {{{apply<Rule<float>, float>, apply<Rule<double>, double>, apply<Rule<float>, Half>,
            apply<Rule<float>, BFloat16>}...},
          {clip<float>, clip<double>, clip<Half>, clip<BFloat16>},
          {{reduce<Order::kOne, float>, reduce<Order::kOne, double>, reduce<Order::kOne, Half>,
            reduce<Order::kOne, BFloat16>},
           {reduce<Order::kTwo, float>, reduce<Order::kTwo, double>, reduce<Order::kTwo, Half>,
            reduce<Order::kTwo, BFloat16>},
           {reduce<Order::kAny, float>, reduce<Order::kAny, double>, reduce<Order::kAny, Half>,
            reduce<Order::kAny, BFloat16>},
           {reduce<Order::kInf, float>, reduce<Order::kInf, double>, reduce<Order::kInf, Half>,
            reduce<Order::kInf, BFloat16>}}};
}

}  // namespace

const Kernels kernels = table(Rules{});

}  // namespace tc::optim::cpu::TC_ISA
