// Memory for tensors between the small blocks and the huge pages: malloc's, kept by size for the next tensor of about
// that size. A training step asks for the same few sizes again and again; malloc splits and merges its chunks for each
// of them.
#pragma once

#include <cstddef>

namespace tc::kept_blocks {

inline constexpr size_t kLargest = size_t{2} << 20;

void* allocate(size_t bytes);     // aligned to 64; null where malloc has none, and then none is kept
void free(void* block) noexcept;  // on any thread; malloc's free does as well

}  // namespace tc::kept_blocks
