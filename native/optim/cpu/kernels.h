// The loops over elements, compiled once per instruction set.
#pragma once

#include "optim/arithmetic.h"
#include "optim/rule/table.h"

namespace tc::optim::cpu {

// Visits chunks [first, last) of one dtype.
using Kernel = void (*)(const Pass&, int64_t first, int64_t last);

struct Kernels {
  ByDtype<Kernel> apply[Rules::kCount];    // clip the gradient on the way and update parameter and state
  ByDtype<Kernel> measure[Rules::kCount];  // add up what the rule needs to know first
  ByDtype<Kernel> clip;                    // clip the gradient into Item::out
  ByDtype<Kernel> reduce[kOrders];         // by Order: partial sums of the gradient or the parameter
};

namespace portable {
extern const Kernels kernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}
#endif

}  // namespace tc::optim::cpu
