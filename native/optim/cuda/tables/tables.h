// What lies on the device between steps, as the kernels see it. Plain data.
#pragma once

#include "optim/clip/stage.h"
#include "optim/pass.h"
#include "optim/settings.h"

namespace tc::optim::cuda {

// What a step decided, and counts. One for an optimizer.
struct Control {
  int32_t skip;  // the step is not taken
  int32_t nonfinite;
  int64_t skipped;
  int64_t consecutive;  // since the last step that was taken
  double total = 0;     // of the norms, from the first kernel of a decision to its second one
};

// The counters of one stage; see StageMemory.
struct StageCounters {
  int64_t flips, decisions, clipped, taps;
};

// One plan on the device: the arrays are those of Plan, in device memory.
struct DevicePlan {
  const Item* items;
  const Chunk* chunks;
  const int64_t* unit;       // the first chunk of each unit, then the number of chunks
  const int32_t* unit_item;  // an item of each unit; -1: it has no elements
  const int64_t* numel;      // of each unit
  Partial* partials;
  Partial* weight_partials;
  double *norms, *weight_norms, *coefficients, *limits, *thresholds;
  double *terms, *moments;
  int64_t* counts;
  const int32_t* others;  // the units that are not visited, where some are: see visit.h
  int32_t units, item_count, other_count;
};

// The memory of one stage.
struct DeviceMemory {
  StageCounters* counters;
  double* numbers;
  Percentile* histories;
  double* tap;  // a ring of tap_size
  int64_t tap_size;
};

// A clipper's decision about all units of a plan.
struct Verdict {
  DevicePlan plan;
  DeviceMemory memory;
  const Group* groups;
  Control* control;
  volatile int64_t* mirror;  // the control's `consecutive`, where the host can see it
  Coin coin;
  Intake intake;  // of the gradients whose norms these are
  float* found;   // told by the first decision whether something was not finite; null: nobody asks
  double order;   // kNoStatistic: it needs no norm
  bool first;     // looks for what is not finite
  bool skips;     // and then does not take the step
  bool counts;    // and counts it as skipped
  bool weights;   // the clipper asked for the parameters' norms
  bool advances;  // and, as the last one, counts the step
  bool advanced;  // that has been done: it looks at the update
  bool visits;    // units that can be are left to their visit

  // Of the units that are decided about here.
  TC_HD int32_t count() const { return visits ? plan.other_count : plan.units; }
  TC_HD int32_t unit(int32_t k) const { return visits ? plan.others[k] : k; }
};

}  // namespace tc::optim::cuda
