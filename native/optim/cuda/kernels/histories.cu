// The histories of clippers that keep the norms of each unit.
#include "optim/cuda/kernels/launch.h"

namespace tc::optim::cuda {
namespace {

__global__ void move_kernel(Percentile* heads, double* values, Percentile::Cell* cells, int64_t units, int64_t capacity,
                            double quantile) {
  const int64_t u = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (u >= units) return;
  Percentile& head = heads[u];
  values += u * capacity;
  cells += u * capacity;
  if (head.oldest() == 0) return head.move_to(values, cells, capacity);
  // A graph's replays have wrapped around.
  Percentile longer;
  longer.use(values, cells, capacity);
  for (int64_t i = 0; i < head.count(); ++i) longer.add(head[i], quantile);
  head = longer;
}

__global__ void make_kernel(Percentile* heads, double* values, Percentile::Cell* cells, int64_t units, int64_t capacity,
                            const double* old, const int64_t* lengths, double quantile) {
  const int64_t u = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (u >= units) return;
  int64_t first = 0;
  for (int64_t i = 0; i < u; ++i) first += lengths[i];
  Percentile head;
  head.use(values + u * capacity, cells + u * capacity, capacity);
  for (int64_t i = 0; i < lengths[u]; ++i) head.add(old[first + i], quantile);
  heads[u] = head;
}

int64_t blocks(int64_t units) { return (units + kThreads - 1) / kThreads; }

}  // namespace

void move_histories(Percentile* heads, double* values, Percentile::Cell* cells, int64_t units, int64_t capacity,
                    double quantile, cudaStream_t stream) {
  start(move_kernel, blocks(units), kThreads, stream, heads, values, cells, units, capacity, quantile);
}

void make_histories(Percentile* heads, double* values, Percentile::Cell* cells, int64_t units, int64_t capacity,
                    const double* old, const int64_t* lengths, double quantile, cudaStream_t stream) {
  start(make_kernel, blocks(units), kThreads, stream, heads, values, cells, units, capacity, old, lengths, quantile);
}

}  // namespace tc::optim::cuda
