// Memory for small tensors. JavaScript gives tensors back in bursts of thousands, when its collector runs; malloc's own
// lists are tuned for one at a time and spend more on such a burst than the operators that filled it.
#pragma once

#include <cstddef>

namespace tc::small_blocks {

inline constexpr size_t kLargest = 4096;

void* allocate(size_t bytes);     // 1 to kLargest bytes, aligned to 64
void free(void* block) noexcept;  // on any thread
bool owns(const void* memory);    // whether it came from allocate

// The same as free, under other addresses: which of them a storage has for its deleter says how its bytes are counted
// (memory.h), without a search.
void free_counted(void* block) noexcept;
void free_listed(void* block) noexcept;

}  // namespace tc::small_blocks
