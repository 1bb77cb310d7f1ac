#include "optim/cuda/kernels/placement.cuh"

namespace tc::optim::cuda {

template void propose_as<BFloat16>(const Job&, const Run&);
template void settle_as<BFloat16>(const Job&, const Run&);

}  // namespace tc::optim::cuda
