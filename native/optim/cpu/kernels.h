// The loops over elements, compiled once for each instruction set.
#pragma once

#include "optim/pass.h"
#include "optim/rule/table.h"

namespace tc::optim::cpu {

// Visits chunks [first, last) of one dtype.
using Kernel = void (*)(const Pass&, int64_t first, int64_t last);

struct Kernels {
  Kernel apply[Rules::kCount][kDtypes];  // clip the gradient on the way and update parameter and state
  Kernel clip[kDtypes];                  // clip the gradient where it lies
  Kernel reduce[kOrders][kDtypes];       // by Order: the gradient's partial sums
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
