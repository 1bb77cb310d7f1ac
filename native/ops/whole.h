// Calls of operators that happen as a whole or not at all: what libtorch finds out too late, or not at all, is refused
// before, and what an operator that throws has written is taken back.
#pragma once

#include <ATen/core/stack.h>

#include <string_view>

#include "ops/op.h"

namespace tc {

// Whether an operator, by its name with namespace, puts a number into elements of another dtype.
bool is_filling(std::string_view name);

// Every operator trusts the indices of a sparse tensor, which are checked when it is made. So they are no one else's:
// the operators, by their names with namespace, that make one of indices copy them, and those that read them give a
// copy.
bool is_making_sparse(std::string_view name);
bool is_giving_indices(std::string_view name);

// Calls the operator with the arguments on the stack, which its results replace; where it throws, the arguments are as
// they were.
void call_whole(const Op& op, torch::jit::Stack& stack);

}  // namespace tc
