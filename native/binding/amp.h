// What other modules tell automatic mixed precision.
#pragma once

namespace tc {

// Autocast keeps the casts of weights until its outermost region ends. A weight that is written inside one must be cast
// again, so whatever may have written one calls this; outside of autocast it does nothing.
void forget_casts();

}  // namespace tc
