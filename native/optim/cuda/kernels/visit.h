// Units of one chunk whose decision depends on no other unit are measured, decided about and updated in one visit.
#pragma once

#include <cstring>
#include <optional>
#include <type_traits>

#include "optim/clip/table.h"
#include "optim/rule/table.h"

namespace tc::optim::cuda {

// One of the unitwise clippers of the table. It is one type for all of them, so that each rule has one kernel.
class UnitClip {
 public:
  // Empty if the clipper is not unitwise, or needs another norm than the kernel computes.
  static std::optional<UnitClip> of(const Clipper& clipper) {
    UnitClip out;
    out.index_ = int32_t(clipper.index());
    const auto keep = [&]<class C>(const C& own) {
      if constexpr (C::kUnitwise) {
        // It is passed to kernels as bytes.
        static_assert(sizeof(C) <= sizeof out.clipper_ && std::is_trivially_copyable_v<C>);
        std::memcpy(out.clipper_, &own, sizeof own);
        return own.order() == 2;
      }
      return false;
    };
    return std::visit(keep, clipper) ? std::optional(out) : std::nullopt;
  }

  TC_HD bool weights() const {
    bool looks = false;
    ask([&]<class C>(const C&) { looks = C::kWeights; });
    return looks;
  }
  TC_HD Decision operator()(const Seen& seen) const {
    Decision decision;
    ask([&](const auto& own) { decision = own(seen, {}); });
    return decision;
  }

 private:
  template <class F>
  TC_HD void ask(const F& f) const {
    ask(static_cast<const Clipper*>(nullptr), f);
  }
  template <class... C, class F>
  TC_HD void ask(const std::variant<C...>*, const F& f) const {
    int32_t at = 0;
    (one<C>(at++, f), ...);
  }
  template <class C, class F>
  TC_HD void one(int32_t at, const F& f) const {
    if constexpr (C::kUnitwise) {
      if (at == index_) f(*reinterpret_cast<const C*>(clipper_));
    }
  }

  int32_t index_;  // in the table
  alignas(double) unsigned char clipper_[32];
};

// The rules of such units; each adds one kernel per dtype. Adam's with AMSGrad does not fit into the registers.
using VisitedRules = RuleList<Adagrad, Adam, Expectigrad, Lion, Nadam, Rmsprop, Sgd, SgdMomentum>;

template <template <class> class... Rule>
bool holds(RuleList<Rule...>, int32_t rule) {
  constexpr int32_t kIndices[] = {rule_index<Rule>(Rules{})...};
  for (const int32_t index : kIndices) {
    if (index == rule) return true;
  }
  return false;
}

}  // namespace tc::optim::cuda
