#pragma once

namespace tc {

// Puts a check before libtorch's CPU allocations of a gigabyte and more: the kernel grants what it cannot back and kills
// the process that touches it. When memory is short the JavaScript garbage collection runs first, then the allocation is
// refused with ERR_OUT_OF_MEMORY. Safe to call from every environment.
void guard_memory();

}  // namespace tc
