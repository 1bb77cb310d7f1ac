#pragma once

#include <atomic>

namespace tc {

// Makes libtorch's CPU allocations go through the package's own allocator, once per process:
// - requests of 64 MB and more are refused if the machine has less left (the kernel grants memory that it cannot back,
//   and kills the process that touches it), after a JavaScript garbage collection has had a chance;
// - blocks of 2 MB and more lie on huge pages, where the system grants them on request;
// - blocks below 2 MB are kept for the next tensor of their size (kept_blocks.h);
// - blocks of at most 4 KB come from free lists (small_blocks.h).
void install_allocator();

// While libtorch's profiler counts allocations: they go to libtorch's own allocator, which tells it of them.
inline std::atomic<bool> profiles_memory = false;

}  // namespace tc
