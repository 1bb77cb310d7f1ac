// The descriptor table: everything a driver needs to visit each element of each gradient once. It is plain data, so
// that it can be copied to a device.
#pragma once

#include "optim/statistic.h"

namespace tc::optim {

// All chunks have the same size, so the terms of a reduction and their order depend on the tensors alone.
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
  void* out = nullptr;  // where the clipped gradient is stored, in the same dtype, if it is stored
  void* param = nullptr;
  void* update = nullptr;  // the proposed update, in the arithmetic's type, for clippers that look at it
  void* source = nullptr;  // if `grad` is such an update: the gradient behind it, in the parameter's dtype
  void* state[kMaxSlots] = {};
  int64_t* step = nullptr;  // counts the updates; null if the rule does not need it
  double* scalars = nullptr;
  int64_t numel = 0;
  int64_t rows = 1;       // the number of units it is cut into
  int32_t width = 1;      // reals in an element
  int32_t parameter = 0;  // its index among the optimizer's
  int32_t group = 0;
  int32_t device = 0;  // the index of the GPU that its tensors lie on
  int32_t unit = 0;    // the unit that it belongs to, or its first row's
  Dtype dtype = Dtype::kFloat;
  Dtype param_dtype = Dtype::kFloat;
};

struct Chunk {
  int64_t begin;
  int32_t item;
  int32_t length;
  int32_t unit;
};

// What is done first to gradients that no clipper has seen.
struct Intake {
  bool zero_nonfinite = false;
  const double* unscale = nullptr;  // their factor, on the driver's device; null: 1

  TC_HD double factor() const { return unscale == nullptr ? 1 : *unscale; }
};

// Addresses that change from step to step while the rest of the items stays: one per item, used instead of the item's
// own; null: use the item's own.
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
  Partial* weight_partial;    // one per chunk, for a driver that measures the parameters in the same pass
  double order;               // of the norm
  bool of_parameters;         // whether it is the parameters' norm
  Intake intake;              // of Item::grad
  Intake source;              // of Item::source
  double* terms;              // kMaxMoments per chunk
  const double* moments;      // kMaxMoments per item
  const int64_t* counts;      // one per item: the number of elements in its moments
};

}  // namespace tc::optim
