// What the engine knows of each rule at run time, by its index in the table.
#pragma once

#include <iterator>
#include <vector>

#include "optim/arithmetic.h"
#include "optim/rule/table.h"

namespace tc::optim {

struct RuleInfo {
  const char* name;
  std::vector<const char*> hyper;  // the options that a group's row holds, in the order of Hyper's fields
  Slots slots;
  Scalars scalars;
  bool stores_step;  // whether PyTorch's state dict has a `step` for it
  int moments;
  Over over;
  // Null if the rule has none; see traits.h.
  void (*advance)(const double* hyper, int64_t step, double* scalars);
  double (*level)(const double* hyper, int64_t step, const double* scalars);
};

template <class Rule>
constexpr bool names_each_field() {
  constexpr size_t kCount = sizeof(typename Rule::Hyper) / sizeof(double);
  static_assert(kCount <= kMaxHyper);
  bool named[kCount] = {};
  for (const Field& field : Rule::kHyper) {
    if (named[field.index]) return false;
    named[field.index] = true;
  }
  return std::size(Rule::kHyper) == kCount;
}

template <class Rule>
RuleInfo describe() {
  static_assert(names_each_field<Rule>(), "kHyper names each field of Hyper once");
  RuleInfo info{Rule::kName,
                std::vector<const char*>(std::size(Rule::kHyper)),
                Rule::kSlots,
                scalars_of<Rule>(),
                Rule::kStoresStep,
                moments_of<Rule>(),
                over_of<Rule>(),
                nullptr,
                nullptr};
  for (const Field& field : Rule::kHyper) info.hyper[size_t(field.index)] = field.option;
  if constexpr (scalars_of<Rule>().count > 0) {
    info.advance = [](const double* hyper, int64_t step, double* scalars) {
      Rule::advance(hyper_of<Rule>(hyper), step, scalars);
    };
  }
  if constexpr (has_level<Rule>()) {
    info.level = [](const double* hyper, int64_t step, const double* scalars) {
      return Rule::level(hyper_of<Rule>(hyper), step, scalars);
    };
  }
  return info;
}

template <template <class> class... Rule>
std::vector<RuleInfo> describe_all(RuleList<Rule...>) {
  return {describe<Rule<double>>()...};
}

inline const std::vector<RuleInfo>& rule_infos() {
  static const std::vector<RuleInfo> infos = describe_all(Rules{});
  return infos;
}

inline const RuleInfo& rule_info(int32_t rule) { return rule_infos()[size_t(rule)]; }

}  // namespace tc::optim
