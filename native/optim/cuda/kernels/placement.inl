// Included by one generated file per dtype, which names it in TC_DTYPE, so that they compile side by side.
#include "optim/cuda/kernels/placement.cuh"

namespace tc::optim::cuda {

template void propose_as<TC_DTYPE>(const Job&, const Run&);
template void settle_as<TC_DTYPE>(const Job&, const Run&);

}  // namespace tc::optim::cuda
