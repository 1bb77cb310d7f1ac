// Included by one generated file per dtype, which names it in TC_DTYPE, so that they compile side by side.
#include "optim/cuda/kernels/update.cuh"

namespace tc::optim::cuda {

template void update_as<TC_DTYPE>(const Job&, const Launch&);
template void measure_as<TC_DTYPE>(const Job&, const Launch&);

}  // namespace tc::optim::cuda
