// The loops over elements, compiled once for each instruction set.
#pragma once

#include "optim/pass.h"
#include "optim/rule/table.h"
#include "optim/rule/traits.h"

namespace tc::optim::cpu {

// Visits chunks [first, last) of one dtype.
using Kernel = void (*)(const Pass&, int64_t first, int64_t last);

struct Kernels {
  Kernel apply[Rules::kCount][kDtypes];    // clip the gradient on the way and update parameter and state
  Kernel measure[Rules::kCount][kDtypes];  // the sums that the rule wants to know first
  Kernel clip[kDtypes];                    // clip the gradient into Item::out
  Kernel reduce[kOrders][kDtypes];         // by Order: partial sums of the gradient or the parameter
};

template <class C>
TC_HD Clip<C> clip_of(const Pass& pass, const Chunk& chunk, bool negate) {
  const C scale = pass.coefficient[chunk.unit] * pass.intake.factor();
  return {negate ? -scale : scale, C(pass.limit[chunk.unit]), pass.intake.zero_nonfinite};
}

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
