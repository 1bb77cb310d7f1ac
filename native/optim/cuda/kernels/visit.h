// What can be measured, decided about and updated in one visit: units of one chunk, in which no other unit has a say.
#pragma once

#include <optional>

#include "optim/clip/table.h"
#include "optim/rule/table.h"

namespace tc::optim::cuda {

// The clippers of such units, by what was asked for. They are one type, so that each rule has one kernel.
struct UnitClip {
  bool weights;
  AgcClip agc;
  NormClip norm;

  TC_HD Decision operator()(const Seen& seen) const { return weights ? agc(seen, {}) : norm(seen, {}); }
};

inline std::optional<UnitClip> unit_clip(const Clipper& clipper) {
  constexpr double kNone[3] = {};
  if (const auto* agc = std::get_if<AgcClip>(&clipper)) return UnitClip{true, *agc, NormClip(kNone)};
  const auto* norm = std::get_if<NormClip>(&clipper);
  if (norm == nullptr || norm->order() != 2) return {};
  return UnitClip{false, AgcClip(kNone), *norm};
}

// The rules of such units; each adds a kernel a dtype. That of Adam with AMSGrad does not fit into the registers.
using VisitedRules = RuleList<Adagrad, Adam, Expectigrad, Lion, Nadam, Rmsprop, Sgd, SgdMomentum>;

template <template <class> class... Rule>
bool holds(RuleList<Rule...>, int32_t rule) {
  constexpr int32_t kPlaces[] = {place_of<Rule>(Rules{})...};
  for (const int32_t place : kPlaces) {
    if (place == rule) return true;
  }
  return false;
}

}  // namespace tc::optim::cuda
