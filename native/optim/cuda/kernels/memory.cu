#include <algorithm>

#include "optim/cuda/kernels/launch.h"

namespace tc::optim::cuda {
namespace {

__global__ void move_kernel(Percentile* heads, double* values, Percentile::Place* places, int64_t units,
                            int64_t capacity, double quantile) {
  const int64_t u = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (u >= units) return;
  Percentile& head = heads[u];
  values += u * capacity;
  places += u * capacity;
  if (head.oldest() == 0) return head.move_to(values, places, capacity);
  // A graph's replays have gone round the end.
  Percentile longer;
  longer.use(values, places, capacity);
  for (int64_t i = 0; i < head.count(); ++i) longer.add(head[i], quantile);
  head = longer;
}

__global__ void make_kernel(Percentile* heads, double* values, Percentile::Place* places, int64_t units,
                            int64_t capacity, const double* old, const int64_t* lengths, double quantile) {
  const int64_t u = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (u >= units) return;
  int64_t first = 0;
  for (int64_t i = 0; i < u; ++i) first += lengths[i];
  Percentile head;
  head.use(values + u * capacity, places + u * capacity, capacity);
  for (int64_t i = 0; i < lengths[u]; ++i) head.add(old[first + i], quantile);
  heads[u] = head;
}

int64_t blocks(int64_t units) { return (units + kThreads - 1) / kThreads; }

// As much as the parameters of a kernel have room for, beside two more.
struct Words {
  static constexpr int kCount = 496;
  uint64_t word[kCount];
};

__global__ void write_kernel(uint64_t* to, Words words, int count) {
  for (int i = int(threadIdx.x); i < count; i += int(blockDim.x)) to[i] = words.word[i];
}

}  // namespace

void write(uint64_t* to, const uint64_t* words, int64_t count, cudaStream_t stream) {
  for (int64_t begin = 0; begin < count; begin += Words::kCount) {
    Words part{};
    const int64_t length = std::min<int64_t>(Words::kCount, count - begin);
    std::copy_n(words + begin, length, part.word);
    start(write_kernel, 1, kThreads, stream, to + begin, part, int(length));
  }
}

void move_histories(Percentile* heads, double* values, Percentile::Place* places, int64_t units, int64_t capacity,
                    double quantile, cudaStream_t stream) {
  start(move_kernel, blocks(units), kThreads, stream, heads, values, places, units, capacity, quantile);
}

void make_histories(Percentile* heads, double* values, Percentile::Place* places, int64_t units, int64_t capacity,
                    const double* old, const int64_t* lengths, double quantile, cudaStream_t stream) {
  start(make_kernel, blocks(units), kThreads, stream, heads, values, places, units, capacity, old, lengths, quantile);
}

}  // namespace tc::optim::cuda
