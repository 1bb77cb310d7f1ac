// Every rule the drivers instantiate: a new rule is one header and one line here.
#pragma once

#include "optim/rule/adam.h"
#include "optim/rule/sgd.h"

namespace tc::optim {

template <template <class> class... Rule>
struct RuleList {
  static constexpr int kCount = sizeof...(Rule);
};

using Rules = RuleList<  //
    Sgd,                 //
    SgdMomentum,         //
    Adam,                //
    AdamAmsgrad>;

}  // namespace tc::optim
