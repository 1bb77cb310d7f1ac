// Every rule of the engine: a new rule is one header and one line here.
#pragma once

#include "optim/rule/acclip.h"
#include "optim/rule/adadelta.h"
#include "optim/rule/adagrad.h"
#include "optim/rule/adam.h"
#include "optim/rule/adamax.h"
#include "optim/rule/asgd.h"
#include "optim/rule/clip21_sgd.h"
#include "optim/rule/clip_up.h"
#include "optim/rule/delayed.h"
#include "optim/rule/expectigrad.h"
#include "optim/rule/lamb.h"
#include "optim/rule/lars.h"
#include "optim/rule/lion.h"
#include "optim/rule/nadam.h"
#include "optim/rule/normalized_sgd.h"
#include "optim/rule/radam.h"
#include "optim/rule/rmsprop.h"
#include "optim/rule/rprop.h"
#include "optim/rule/schedule_free.h"
#include "optim/rule/sgd.h"
#include "optim/rule/sstm.h"
#include "optim/rule/stable_adamw.h"
#include "optim/rule/tensor_level.h"

namespace tc::optim {

template <template <class> class... Rule>
struct RuleList {
  static constexpr int kCount = sizeof...(Rule);
};

using Rules = RuleList<       //
    Acclip,                   //
    AcclipPower,              //
    Adadelta,                 //
    Adagrad,                  //
    Adam,                     //
    AdamAmsgrad,              //
    Adamax,                   //
    Adopt,                    //
    Asgd,                     //
    Clip21Sgd,                //
    ClipUp,                   //
    DelayedAdagrad,           //
    DelayedAdam,              //
    Expectigrad,              //
    ExpectigradSparse,        //
    Gather,                   //
    Lamb,                     //
    Lars,                     //
    LarsMomentum,             //
    Lion,                     //
    Nadam,                    //
    NormalizedSgd,            //
    NormalizedSgdTensor,      //
    Radam,                    //
    Rmsprop,                  //
    RmspropCentered,          //
    RmspropCenteredMomentum,  //
    RmspropMomentum,          //
    Rprop,                    //
    ScheduleFreeAdam,         //
    ScheduleFreeSgd,          //
    Sgd,                      //
    SgdMomentum,              //
    Sstm,                     //
    SstmHolder,               //
    StableAdamW>;

// The index of a rule in the table.
template <template <class> class Rule, template <class> class... All>
constexpr int32_t rule_index(RuleList<All...>) {
  int32_t index = 0;
  static_cast<void>(((std::is_same_v<Rule<double>, All<double>> || (++index, false)) || ...));
  return index;
}

}  // namespace tc::optim
