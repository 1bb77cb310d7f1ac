#pragma once

namespace tc {

// Gives libtorch, once per process, the forward derivatives of those operators for which it has them in Python only:
// decompositions into operators that it can differentiate.
void register_decompositions();

}  // namespace tc
