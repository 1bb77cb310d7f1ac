#include "optim/cuda/kernels/placement.cuh"

namespace tc::optim::cuda {

template void propose_as<Half>(const Job&, const Run&);
template void settle_as<Half>(const Job&, const Run&);

}  // namespace tc::optim::cuda
