// Included by one generated file per instruction set, which names it in TC_ISA.
#include "optim/cpu/kernels.h"

namespace tc::optim::cpu::TC_ISA {
namespace {

// One chunk's arrays, as a rule needs them.
template <class Rule, class T>
struct View {
  using C = Compute<T>;
  static constexpr int kCount = Rule::kSlots.count;
  T* p;
  const T* g;
  C* s[kMaxSlots];

  View(const Item& item, const Chunk& chunk)
      : p(static_cast<T*>(item.param) + chunk.begin), g(static_cast<const T*>(item.grad) + chunk.begin) {
    for (int k = 0; k < kCount; ++k) s[k] = static_cast<C*>(item.state[k]) + chunk.begin;
  }
};

template <class Rule, class T>
void update(const Rule& rule, const Clip<Compute<T>> clip, const Item& item, const Chunk& chunk) {
  using C = Compute<T>;
  constexpr int kCount = Rule::kSlots.count;
  const View<Rule, T> v(item, chunk);
  T* const p = v.p;
  const T* const g = v.g;
  C* s[kMaxSlots];
  for (int k = 0; k < kCount; ++k) s[k] = v.s[k];
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

// Calls visit(rule, item, chunk) with the rule that the chunk's parameter needs.
template <class Rule, class F>
void for_rules(const Pass& pass, int64_t first, int64_t last, const F& visit) {
  // Neighbours mostly share group and step count, and the coefficients need two calls of pow.
  constexpr bool kOwn = scalars_of<Rule>().count > 0 || moments_of<Rule>() > 0;
  const Chunk* chunk = pass.chunks + first;
  const Chunk* const end = pass.chunks + last;
  while (chunk != end) {
    const Item& leader = pass.items[chunk->item];
    const int64_t step = step_of(leader);
    const Rule rule = rule_of<Rule>(pass, *chunk);
    for (; chunk != end; ++chunk) {
      const Item& item = pass.items[chunk->item];
      if (kOwn ? &item != &leader : item.group != leader.group || step_of(item) != step) break;
      visit(rule, item, *chunk);
    }
  }
}

template <class Rule, class T>
void apply(const Pass& pass, int64_t first, int64_t last) {
  for_rules<Rule>(pass, first, last, [&](const Rule& rule, const Item& item, const Chunk& chunk) {
    update<Rule, T>(rule, clip_of<T>(pass, chunk, pass.groups[item.group].maximize), item, chunk);
  });
}

// Sums what the rule needs to know of all elements before it changes any.
template <class Rule, class T>
void measure(const Pass& pass, int64_t first, int64_t last) {
  if constexpr (moments_of<Rule>() > 0) {
    using C = Compute<T>;
    constexpr int kCount = Rule::kSlots.count;
    constexpr int kMoments = moments_of<Rule>();
    constexpr int kLanes = 8;
    for_rules<Rule>(pass, first, last, [&](const Rule& rule, const Item& item, const Chunk& chunk) {
      const auto clip = clip_of<T>(pass, chunk, pass.groups[item.group].maximize);
      const View<Rule, T> v(item, chunk);
      double lane[kMoments][kLanes] = {};
      const auto add = [&](int64_t i, int k) {
        C state[kMaxSlots];
        for (int j = 0; j < kCount; ++j) state[j] = v.s[j][i];
        double term[kMoments];
        rule.measure(widen(v.p[i]), clip(widen(v.g[i])), state, term);
        for (int m = 0; m < kMoments; ++m) lane[m][k] += term[m];
      };
      int64_t i = 0;
      for (; i + kLanes <= chunk.length; i += kLanes) {
        for (int k = 0; k < kLanes; ++k) add(i + k, k);
      }
      for (int k = 0; i < chunk.length; ++i, ++k) add(i, k);
      double* const terms = pass.terms + (&chunk - pass.chunks) * kMaxMoments;
      for (int m = 0; m < kMoments; ++m) {
        for (int width = kLanes / 2; width > 0; width /= 2) {
          for (int k = 0; k < width; ++k) lane[m][k] += lane[m][k + width];
        }
        terms[m] = lane[m][0];
      }
    });
  }
}

template <class T>
void clip(const Pass& pass, int64_t first, int64_t last) {
  for (int64_t c = first; c < last; ++c) {
    const Chunk& chunk = pass.chunks[c];
    const Item& item = pass.items[chunk.item];
    const auto op = clip_of<T>(pass, chunk, false);
    const T* const g = static_cast<const T*>(item.grad) + chunk.begin;
    T* const out = static_cast<T*>(item.out) + chunk.begin;
#pragma GCC ivdep
    for (int64_t i = 0; i < chunk.length; ++i) out[i] = narrow<T>(op(widen(g[i])));
  }
}

// Adds each lane of the upper half to one of the lower half, until one is left.
template <Order kOrder, int kLanes>
double fold(double (&lane)[kLanes]) {
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int k = 0; k < width; ++k) lane[k] = accumulate<kOrder>(lane[k], lane[k + width]);
  }
  return lane[0];
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
  return fold<kOrder>(lane);
}

// The squares of 16-bit numbers are exact in fp32 within its range, and sixteen of them are added there.
template <class T>
double sum_of_squares(const T* g, int64_t n) {
  constexpr int kLanes = 32, kTerms = 16, kBlock = kLanes * kTerms;
  const auto wide = [](float x) { return double(x); };
  double lane[kLanes] = {};
  int64_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    float block[kLanes] = {};
    for (int j = 0; j < kBlock; j += kLanes) {
      for (int k = 0; k < kLanes; ++k) block[k] += widen(g[i + j + k]) * widen(g[i + j + k]);
    }
    for (int k = 0; k < kLanes; ++k) lane[k] += block[k];
  }
  const double total = fold<Order::kTwo>(lane) + sum<Order::kTwo>(g + i, n - i, 2, wide);
  // Next to so large a sum, what squares lost below 2^-126, where fp32 ends, does not matter.
  return total > 0x1p-80 && finite(total) ? total : sum<Order::kTwo>(g, n, 2, wide);
}

template <Order kOrder, class T>
double sum(const T* g, int64_t n, double p) {
  if constexpr (kOrder == Order::kTwo && sizeof(T) == 2) return sum_of_squares(g, n);
  return sum<kOrder>(g, n, p, [](Compute<T> x) { return double(x); });
}

template <Order kOrder, class T>
void reduce(const Pass& pass, int64_t first, int64_t last) {
  using C = Compute<T>;
  // Whether fp64 holds the sum of any finite elements.
  constexpr bool kFits = kOrder != Order::kAny && !std::is_same_v<T, double>;
  const double p = pass.order;
  for (int64_t c = first; c < last; ++c) {
    const Chunk& chunk = pass.chunks[c];
    const Item& item = pass.items[chunk.item];
    const T* const g = static_cast<const T*>(pass.of_parameters ? item.param : item.grad) + chunk.begin;
    const int64_t n = chunk.length;
    double total = sum<kOrder>(g, n, p);
    double scale = 1;
    if (kFits ? !finite(total) : !trustworthy(total)) {
      const auto seen = [zero = pass.intake.zero_nonfinite](C x) { return zero && !finite(x) ? 0.0 : double(x); };
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

template <Order kOrder>
constexpr ByDtype<Kernel> reduce_by_dtype() {
  return by_dtype([]<class T>() -> Kernel { return reduce<kOrder, T>; });
}

template <template <class> class... Rule>
constexpr Kernels table(RuleList<Rule...>) {
  return {{by_dtype([]<class T>() -> Kernel { return apply<Rule<Compute<T>>, T>; })...},
          {by_dtype([]<class T>() -> Kernel { return measure<Rule<Compute<T>>, T>; })...},
          by_dtype([]<class T>() -> Kernel { return clip<T>; }),
          {reduce_by_dtype<Order::kOne>(), reduce_by_dtype<Order::kTwo>(), reduce_by_dtype<Order::kAny>(),
           reduce_by_dtype<Order::kInf>()}};
}

}  // namespace

const Kernels kernels = table(Rules{});

}  // namespace tc::optim::cpu::TC_ISA
