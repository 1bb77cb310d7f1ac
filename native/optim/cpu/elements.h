// The kernels of clippers that act on elements.
#pragma once

#include "optim/clip/table.h"
#include "optim/pass.h"

namespace tc::optim::cpu::elements {

// Clips one chunk into Item::out. `numbers` are those that the clipper remembers of each unit.
void clip(const Pass& pass, int64_t chunk, const Clipper& clipper, const double* numbers);

}  // namespace tc::optim::cpu::elements
