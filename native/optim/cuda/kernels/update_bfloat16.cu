#include "optim/cuda/kernels/update.cuh"

namespace tc::optim::cuda {

template void update_as<BFloat16>(const Job&, const Run&);
template void measure_as<BFloat16>(const Job&, const Run&);

}  // namespace tc::optim::cuda
