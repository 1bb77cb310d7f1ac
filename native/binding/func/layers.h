// The stack of transforms that this thread is inside of, and the handles that end with them.
#pragma once

#include <c10/core/AutogradState.h>
#include <c10/core/InferenceMode.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "binding/autograd/dual_level.h"
#include "binding/handle.h"

namespace tc {

// How many transforms this thread is inside of.
int64_t depth_of_transforms();

// Counts the transforms that were ever entered on this thread: of two entered at the same depth, it tells which.
uint64_t transforms_entered();
// Throws where a wrapper of `t` belongs to a transform that is not the one at its level any more, `t` being from when
// so many had been entered.
void check_current(const at::Tensor& t, uint64_t entered);

// Remembers a handle of a wrapped tensor, to be emptied when its transform ends.
void note(Entry& entry);

// A transform from here to the end of the block, left on every way out.
class Layer {
 public:
  // In libtorch's order: random operators are refused, give all samples the same numbers, or each its own.
  enum class Randomness : uint8_t { Error, Same, Different };
  static Layer vmap(int64_t size, Randomness randomness);
  static Layer grad();
  static Layer jvp();
  ~Layer();
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  int64_t level() const noexcept { return level_; }

 private:
  enum class Kind : uint8_t { Vmap, Grad, Jvp };
  Layer(Kind kind, std::optional<int64_t> size, std::optional<Randomness> randomness);
  void leave() noexcept;

  int64_t level_ = 0;
  c10::AutogradState before_;  // of the thread's autograd modes
  std::optional<c10::InferenceMode> recording_;
  std::optional<DualLevel> dual_;
};

// Inside of the transforms below the innermost one from here to the end of the block.
class BelowInnermost {
 public:
  BelowInnermost();
  ~BelowInnermost();
  BelowInnermost(const BelowInnermost&) = delete;
  BelowInnermost& operator=(const BelowInnermost&) = delete;

 private:
  struct Held;
  std::unique_ptr<Held> held_;
};

}  // namespace tc
