// The descriptor table: all that a driver needs to visit every element of every gradient once. Plain data, so that it
// can be copied to a device.
#pragma once

#include "optim/statistic.h"

namespace tc::optim {

// Chunks have one size everywhere, so what a reduction adds, and in which order, depends on the tensors alone.
inline constexpr int64_t kChunk = 16384;
inline constexpr int kMaxHyper = 14;

// A parameter group's settings for one step.
struct Group {
  int32_t rule = 0;
  bool maximize = false;
  double hyper[kMaxHyper] = {};
};

// One gradient and what it updates.
struct Item {
  void* grad = nullptr;
  void* param = nullptr;
  void* state[kMaxSlots] = {};
  int64_t* step = nullptr;  // counts the updates; null where the rule has no use for it
  int64_t numel = 0;
  int32_t group = 0;
  int32_t unit = 0;  // whose coefficient clips it
  Dtype dtype = Dtype::kFloat;
};

struct Chunk {
  int64_t begin;
  int32_t item;
  int32_t length;
};

struct Pass {
  const Item* items;
  const Chunk* chunks;
  const Group* groups;
  const double* coefficient;  // one a unit
  Partial* partial;           // one a chunk
  double order;               // of the norm
  double limit;
  bool zero_nonfinite;
};

}  // namespace tc::optim
