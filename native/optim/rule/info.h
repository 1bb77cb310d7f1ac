// What is known of a rule without instantiating its arithmetic, by its place in the table.
#pragma once

#include <iterator>
#include <vector>

#include "optim/pass.h"
#include "optim/rule/table.h"

namespace tc::optim {

struct RuleInfo {
  const char* name;
  std::vector<const char*> hyper;
  Slots slots;
  bool stores_step;  // whether PyTorch's state dict has a `step` for it
};

template <class Rule>
RuleInfo describe() {
  static_assert(sizeof(typename Rule::Hyper) == std::size(Rule::kHyper) * sizeof(double),
                "kHyper names Hyper's fields");
  static_assert(std::size(Rule::kHyper) <= kMaxHyper);
  return {Rule::kName, {std::begin(Rule::kHyper), std::end(Rule::kHyper)}, Rule::kSlots, Rule::kStoresStep};
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
