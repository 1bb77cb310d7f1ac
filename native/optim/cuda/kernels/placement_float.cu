#include "optim/cuda/kernels/placement.cuh"

namespace tc::optim::cuda {

template void propose_as<float>(const Job&, const Run&);
template void settle_as<float>(const Job&, const Run&);

}  // namespace tc::optim::cuda
