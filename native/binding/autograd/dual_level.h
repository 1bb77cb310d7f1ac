// The level of forward-mode differentiation. libtorch has one for the process; here each thread opens and closes its
// own, and the first and the last of them open and close libtorch's.
#pragma once

namespace tc {

inline constexpr int kDualLevel = 0;

// Open from here to the end of the block. They nest: the transforms of torch.func tell their derivatives apart by
// layers.
class DualLevel {
 public:
  DualLevel();
  ~DualLevel();
  DualLevel(const DualLevel&) = delete;
  DualLevel& operator=(const DualLevel&) = delete;
};

// For levels of the user's own, which do not nest.
void open_dual_level();
void close_dual_level();

}  // namespace tc
