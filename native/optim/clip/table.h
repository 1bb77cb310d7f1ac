// Every clipper the drivers know: a new clipper is one header and one line here. A clipper is told its options, names
// the norm it wants to see and the limit of an element, and maps the norm of each unit of its scope to a coefficient.
#pragma once

#include <variant>

#include "optim/clip/none.h"
#include "optim/clip/norm.h"
#include "optim/clip/value.h"

namespace tc::optim {

using Clipper = std::variant<  //
    NoClip,                    //
    NormClip,                  //
    ValueClip>;

// What one norm and one coefficient are taken over.
enum class Scope { kGlobal, kGroup, kTensor };

}  // namespace tc::optim
