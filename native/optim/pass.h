// The descriptor table: all that a driver needs to visit every element of every gradient once. Plain data, so that it
// can be copied to a device.
#pragma once

#include "optim/statistic.h"

namespace tc::optim {

// Chunks have one size everywhere, so what a reduction adds, and in which order, depends on the tensors alone.
inline constexpr int64_t kChunk = 16384;
inline constexpr int kMaxHyper = 16;

// A parameter group's settings for one step.
struct Group {
  int32_t rule = 0;
  bool maximize = false;
  double hyper[kMaxHyper] = {};
};

// One gradient and what it updates.
struct Item {
  void* grad = nullptr;
  void* out = nullptr;  // where the clipped gradient goes, of the same dtype, where it goes anywhere
  void* param = nullptr;
  void* update = nullptr;  // where the update is proposed, of the arithmetic's type, for clippers that look at it
  void* source = nullptr;  // where `grad` is such an update: the gradient it came from, of the parameter's dtype
  void* state[kMaxSlots] = {};
  int64_t* step = nullptr;  // counts the updates; null where the rule has no use for it
  double* scalars = nullptr;
  int64_t numel = 0;
  int64_t rows = 1;       // how many units it is cut into
  int32_t width = 1;      // reals in an element
  int32_t parameter = 0;  // its index among the optimizer's
  int32_t group = 0;
  int32_t device = 0;  // the index of the GPU that its tensors lie on
  int32_t unit = 0;    // whose coefficient clips it, or its first row
  Dtype dtype = Dtype::kFloat;
  Dtype param_dtype = Dtype::kFloat;
};

struct Chunk {
  int64_t begin;
  int32_t item;
  int32_t length;
  int32_t unit;
};

// What is done first to gradients that no clipper has touched.
struct Intake {
  bool zero_nonfinite = false;
  const double* unscale = nullptr;  // what they are multiplied by, on the driver's device; null: 1

  TC_HD double factor() const { return unscale == nullptr ? 1 : *unscale; }
};

// Addresses that change from step to step while the rest of the items stays, one per item, instead of those in the
// items; null: these.
struct Moving {
  void* const* grad = nullptr;
  void* const* out = nullptr;
  void* const* source = nullptr;
};

struct Pass {
  const Item* items;
  Moving moving;
  const Chunk* chunks;
  const Group* groups;
  const double* coefficient;  // one per unit
  const double* limit;        // one per unit
  Partial* partial;           // one per chunk
  Partial* weight_partial;    // one per chunk, for a driver that also takes the parameters' norm
  double order;               // of the norm
  bool of_parameters;         // the norm is theirs
  Intake intake;              // of Item::grad
  Intake source;              // of Item::source
  double* terms;              // kMaxMoments a chunk
  const double* moments;      // kMaxMoments an item
  const int64_t* counts;      // one per item: the elements that its moments are taken over
};

}  // namespace tc::optim
