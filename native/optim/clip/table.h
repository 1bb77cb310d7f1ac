// Every clipper of the engine: a new clipper is one header and one line here.
#pragma once

#include <variant>

#include "optim/clip/ada_gc.h"
#include "optim/clip/agc.h"
#include "optim/clip/auto.h"
#include "optim/clip/custom.h"
#include "optim/clip/norm.h"
#include "optim/clip/rms.h"
#include "optim/clip/spam.h"
#include "optim/clip/value.h"
#include "optim/clip/zscore.h"

namespace tc::optim {

using Clipper = std::variant<  //
    NormClip,                  //
    ValueClip,                 //
    AutoClip,                  //
    AgcClip,                   //
    ZscoreClip,                //
    AdaGcClip,                 //
    RmsClip,                   //
    SpamClip,                  //
    CustomClip>;

}  // namespace tc::optim
