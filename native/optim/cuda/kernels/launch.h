// The kernels as host code starts them: each function is one launch on the stream, unless it says otherwise.
#pragma once

#include "optim/clip/table.h"
#include "optim/cuda/kernels/visit.h"
#include "optim/cuda/runtime.h"
#include "optim/cuda/tables/tables.h"

namespace tc::optim::cuda {

// Chunks of one kernel, in device memory.
struct Launch {
  const Work* list;
  int32_t count;
  // The same, or parts of them where they are too few to fill the GPU: for what is done element by element.
  const Work* parts;
  int32_t part_count;
  int32_t rule;
  Dtype dtype, param_dtype;
  bool visited;  // each chunk is a unit that one visit can measure, decide about and update
  bool small;    // there are many chunks, of at most kSmall elements each
};

// The most elements of a small chunk.
inline constexpr int kSmall = 8 * kThreads;

// What Pass is to the CPU's kernels.
struct Job {
  DevicePass pass;
  const Control* control;  // null: unconditional
  cudaStream_t stream;
};

void reduce(const Job& job, const Launch& launch, Order order);
// The 2-norm of gradients and of parameters.
void weigh(const Job& job, const Launch& launch);
void clip(const Job& job, const Launch& launch);
// By a clipper that acts on elements; `numbers` are those of each unit.
void clip_elements(const Job& job, const Launch& launch, const Clipper& clipper, const double* numbers);
void measure(const Job& job, const Launch& launch);
void update(const Job& job, const Launch& launch);
void propose(const Job& job, const Launch& launch);
void settle(const Job& job, const Launch& launch);

// Adds up the partials of each unit to its norm, for plans of several units; `decide` does so itself for one.
void finish_units(const Verdict& verdict, cudaStream_t stream);
// One launch, or two for many units.
void decide(const Verdict& verdict, const Clipper& clipper, cudaStream_t stream);
// Norms, decisions and updates of visited units, after the decision about the others.
void visit(const Job& job, const Launch& launch, const Verdict& verdict, const UnitClip& clipper);
// Without a clipper: coefficients of 1, or, with `chosen`, those that are there already.
void decide_plain(const Verdict& verdict, bool chosen, cudaStream_t stream);
// Adds up the terms that rules asked for; one more launch if any rule looks at everything.
void finish_moments(const DevicePlan& plan, const Group* groups, const Control* control, bool everything,
                    cudaStream_t stream);

// Moves histories, each in memory of the device, into memory of `capacity` values each.
void move_histories(Percentile* heads, double* values, Percentile::Cell* cells, int64_t units, int64_t capacity,
                    cudaStream_t stream);

// Up to this many units, `decide` adds up the partials itself.
inline constexpr int32_t kFewUnits = 1;
// Beyond this many, `decide` leaves them to a launch of many blocks.
inline constexpr int32_t kManyUnits = 4096;

}  // namespace tc::optim::cuda
