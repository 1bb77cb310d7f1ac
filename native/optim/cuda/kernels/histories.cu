// The histories of clippers that keep the norms of each unit.
#include "optim/cuda/kernels/launch.h"

namespace tc::optim::cuda {
namespace {

// A block moves one unit's.
__global__ void __launch_bounds__(kThreads)
    move_kernel(Percentile* heads, double* values, Percentile::Cell* cells, int64_t capacity) {
  await_previous();
  Percentile& head = heads[blockIdx.x];
  values += blockIdx.x * capacity;
  cells += blockIdx.x * capacity;
  for (int64_t i = threadIdx.x; i < head.count(); i += kThreads) head.move(i, values, cells);
  __syncthreads();
  if (threadIdx.x == 0) head.moved(values, cells, capacity);
}

}  // namespace

void move_histories(Percentile* heads, double* values, Percentile::Cell* cells, int64_t units, int64_t capacity,
                    cudaStream_t stream) {
  start(move_kernel, units, kThreads, stream, heads, values, cells, capacity);
}

}  // namespace tc::optim::cuda
