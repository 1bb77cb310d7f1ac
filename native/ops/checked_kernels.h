// Kernels of libtorch for the CPU that follow what they are given out of memory, with a look at it before.
#pragma once

namespace tc {

// Puts them in place of libtorch's, once per process.
void install_checked_kernels();

}  // namespace tc
