// Included by one generated file per dtype, which names it in TC_DTYPE, so that they compile side by side.
#include "optim/cuda/kernels/proposal.cuh"

namespace tc::optim::cuda {

template void propose_as<TC_DTYPE>(const Job&, const Launch&);
template void settle_as<TC_DTYPE>(const Job&, const Launch&);

}  // namespace tc::optim::cuda
