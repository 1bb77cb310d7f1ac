// clipped-SSTM (Gorbunov, Danilova & Gasnikov 2020; with the steps for Hölder gradients of arXiv 2106.05958). The
// parameter is x, where the gradient is taken; y is the method's result.
#pragma once

#include "optim/element.h"

namespace tc::optim {

template <class T, bool kHolder>
struct SstmRule {
  static constexpr const char* kName = kHolder ? "sstmHolder" : "sstm";
  struct Hyper {
    double lr, L, nu, ratio_bound;
  };
  static constexpr Field kHyper[] = {
      {"lr", &Hyper::lr}, {"L", &Hyper::L}, {"nu", &Hyper::nu}, {"aKRatioUpperBound", &Hyper::ratio_bound}};
  static constexpr Slots kSlots{2, {{"y", Start::kParameter}, {"z", Start::kParameter}}};
  // Of this step and of the next one, at whose x this step ends.
  static constexpr Scalars kScalars{4, {"A", "alpha", "next_A", "next_alpha"}};
  static constexpr bool kStoresStep = true;

  T rate, y_part, x_part;

  TC_HD SstmRule(const Hyper&, int64_t, const double* s)
      : rate(s[1]), y_part(share(s[1], s[0])), x_part(share(s[3], s[2])) {}

  TC_HD static double alpha(const Hyper& h, int64_t step) {
    const double growth = kHolder ? std::pow(double(step), 2 * h.nu / (1 + h.nu)) : double(step + 1);
    return h.lr / (2 * h.L) * growth;
  }

  TC_HD static double share(double part, double rest) { return part == 0 ? 0 : part / (part + rest); }

  TC_HD static void advance(const Hyper& h, int64_t step, double* s) {
    s[0] = step == 1 ? 0 : s[2];
    s[1] = step == 1 ? alpha(h, 1) : s[3];
    s[2] = s[0] + s[1];
    s[3] = alpha(h, step + 1);
    // A / (A + alpha), the weight of y in x, may not exceed its bound.
    const double most = h.ratio_bound < 1 ? h.ratio_bound / (1 - h.ratio_bound) * s[3] : s[2];
    s[2] = most < s[2] ? most : s[2];
  }

  TC_HD static double level(const Hyper&, int64_t, const double* s) { return 1 / s[1]; }

  TC_HD void operator()(T& p, T g, T* state) const {
    const T z = state[1] -= rate * g;
    const T y = state[0] += y_part * (z - state[0]);
    p = y + x_part * (z - y);
  }
};

template <class T>
using Sstm = SstmRule<T, false>;
template <class T>
using SstmHolder = SstmRule<T, true>;

}  // namespace tc::optim
