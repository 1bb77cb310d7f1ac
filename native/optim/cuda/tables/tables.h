// What lies on the device between steps, as kernels see it. Plain data.
#pragma once

#include "optim/clip/stage.h"
#include "optim/pass.h"
#include "optim/rule/table.h"
#include "optim/settings.h"

namespace tc::optim::cuda {

// What a step decided, and counters. One per optimizer.
struct Control {
  int32_t skip;  // whether the step is skipped
  int32_t nonfinite;
  int64_t skipped;
  int64_t consecutive;  // skipped since the last step that was taken
  double total = 0;     // 2-norm of the norms, handed from the first kernel of a decision to the second
};

// What one block of a launch visits, in the order of the blocks.
struct alignas(16) Work {
  Chunk chunk;
  int32_t index;  // the chunk's in the plan
};

// Where a kernel leaves a count for the host: with a mark, as mirror.h says.
struct MirrorAddress {
  volatile int64_t* at;
  int64_t tag;

  TC_HD void write(int64_t count) const { *at = tag + count; }
};

// The counters of one stage; see StageMemory.
struct StageCounters {
  int64_t flips, decisions, clipped, taps;
};

// Room for a rule of any kind, whole vectors of 16 bytes.
template <template <class> class... Rule>
constexpr size_t room_for(RuleList<Rule...>) {
  size_t most = 0;
  ((most = sizeof(Rule<double>) > most ? sizeof(Rule<double>) : most), ...);
  return (most + 15) / 16 * 16;
}
inline constexpr int64_t kRuleBytes = room_for(Rules{});

// One plan on the device: the arrays are those of Plan, in device memory.
struct DevicePlan {
  const Item* items;
  const Chunk* chunks;
  const int64_t* unit;       // the first chunk of each unit, then the number of chunks
  const int32_t* unit_item;  // an item of each unit; -1 if it has no elements
  const int64_t* numel;      // of each unit
  Partial* partials;
  Partial* weight_partials;
  double *norms, *weight_norms, *coefficients, *limits, *thresholds;
  double *terms, *moments;
  int64_t* counts;
  unsigned char* rules;   // kRuleBytes for each item: its rule in this step
  const int32_t* others;  // the units that are not visited, if any are: see visit.h
  int32_t units, item_count, other_count;
};

// A pass with what only the GPU's kernels read.
struct DevicePass : Pass {
  const unsigned char* rules;  // as DevicePlan's
};

// The memory of one stage.
struct DeviceStageMemory {
  StageCounters* counters;
  double* numbers;
  Percentile* histories;
  double* tap;  // a ring buffer of tap_size
  int64_t tap_size;
};

// A clipper's decision about all units of a plan.
struct Verdict {
  DevicePlan plan;
  DeviceStageMemory memory;
  const Group* groups;
  Control* control;
  MirrorAddress mirror;  // the control's `consecutive`, visible to the host
  Coin coin;
  Intake intake;  // of the gradients behind these norms
  float* found;   // set to 1 if a gradient was not finite, else to 0; null: not asked for
  double order;   // of the norm; kNoStatistic: none is needed
  bool first;     // checks for non-finite gradients
  bool skips;     // if any were found, skips the step
  bool counts;    // counts the skip
  bool weights;   // the clipper needs the parameters' norms
  bool advances;  // advances the step counters after deciding
  bool advanced;  // the step counters have been advanced already
  bool visits;    // leaves to their visit the units that can be visited

  // The units that are decided about here, by number.
  TC_HD int32_t count() const { return visits ? plan.other_count : plan.units; }
  TC_HD int32_t unit(int32_t k) const { return visits ? plan.others[k] : k; }
};

}  // namespace tc::optim::cuda
