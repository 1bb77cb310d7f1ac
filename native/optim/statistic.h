// The p-norm of a gradient as partial sums, which can be added in any fixed order and neither overflow nor underflow.
#pragma once

#include "optim/element.h"

namespace tc::optim {

// A norm's order as the kernels see it; kAny takes p > 0 at run time.
enum class Order { kOne, kTwo, kAny, kInf };
inline constexpr int kOrders = 4;

TC_HD Order order_of(double p) {
  return p == 1                                         ? Order::kOne
         : p == 2                                       ? Order::kTwo
         : p == std::numeric_limits<double>::infinity() ? Order::kInf
                                                        : Order::kAny;
}

// Picks the instantiation for an order that is known at run time: f.template operator()<kOrder>().
template <class F>
constexpr auto for_order(Order order, const F& f) {
  switch (order) {
    case Order::kOne:
      return f.template operator()<Order::kOne>();
    case Order::kTwo:
      return f.template operator()<Order::kTwo>();
    case Order::kInf:
      return f.template operator()<Order::kInf>();
    default:
      return f.template operator()<Order::kAny>();
  }
}

// Sum of (|g| / scale)^p, or max |g| / scale for the infinity norm. The sum is finite exactly when every element is.
struct Partial {
  double sum = 0;
  double scale = 1;

  TC_HD bool all_finite() const { return finite(sum); }
};

template <Order kOrder>
TC_HD double power(double x, double p) {
  if constexpr (kOrder == Order::kTwo) return x * x;
  if constexpr (kOrder == Order::kAny) return std::pow(std::fabs(x), p);
  return std::fabs(x);
}

// A maximum that keeps NaN.
TC_HD double larger(double a, double b) { return a >= b || a != a ? a : b; }

template <Order kOrder>
TC_HD double accumulate(double sum, double term) {
  if constexpr (kOrder == Order::kInf) return larger(sum, term);
  return sum + term;
}

// A sum outside this range is computed again with every element divided by the largest.
TC_HD bool trustworthy(double sum) { return sum > 1e-280 && sum < 1e280; }

template <Order kOrder>
TC_HD Partial combine(Partial a, Partial b, double p) {
  if (a.scale != b.scale && a.all_finite() && b.all_finite()) {
    // Zeros have no scale.
    if (a.sum == 0) return b;
    if (b.sum == 0) return a;
    const double scale = a.scale > b.scale ? a.scale : b.scale;
    a.sum *= power<kOrder>(a.scale / scale, p);
    b.sum *= power<kOrder>(b.scale / scale, p);
    a.scale = scale;
  }
  return {accumulate<kOrder>(a.sum, b.sum), a.scale};
}

template <Order kOrder>
TC_HD double norm(Partial a, double p) {
  if constexpr (kOrder == Order::kTwo) return a.scale * std::sqrt(a.sum);
  if constexpr (kOrder == Order::kAny) return a.scale * std::pow(a.sum, 1 / p);
  return a.scale * a.sum;
}

}  // namespace tc::optim
