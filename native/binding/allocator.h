#pragma once

namespace tc {

// Makes libtorch's CPU allocations go through ours, once a process:
// - 64 MB and more is refused when the machine has not so much left (the kernel grants what it cannot back and
//   kills the process that touches it), after a JavaScript garbage collection has had its chance;
// - 2 MB and more lie on huge pages, where the system gives them to those who ask;
// - up to four kilobytes come from free lists (small_blocks.h).
void install_allocator();

}  // namespace tc
