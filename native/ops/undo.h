// What an operator that throws leaves half done: libtorch gives a tensor new sizes before it knows that the memory can
// be had, and some operators find out what is wrong with their arguments after they have written results.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/stack.h>
#include <c10/core/TensorImpl.h>

#include <utility>
#include <vector>

#include "ops/op.h"

namespace tc {

// The written arguments of a call as they were: where their elements are, and for operators that check late the
// elements.
class Undo {
 public:
  Undo(const Op& op, const torch::jit::Stack& stack);
  void restore() noexcept;
  // Throws ERR_SHAPE where one of them now reaches outside of its storage.
  void check_extents() const;

 private:
  struct Before {
    at::Tensor tensor;
    c10::intrusive_ptr<c10::TensorImpl> copy;  // shares the storage, whose size it does not hold
    size_t bytes;
    // Places in memory with copies of what is there.
    std::vector<std::pair<at::Tensor, at::Tensor>> kept;
  };
  enum class Keep : uint8_t { kNothing, kElements, kFew };
  void remember(const at::Tensor& written, Keep keep);
  std::vector<Before> before_;
};

// Whether another tensor can stand for an out.
bool may_write_apart(const Op& op, const at::Tensor& out);

// Tensors of their own for the outs of an operator that checks late: an out that shares memory with others, which it
// would overwrite when it is given more elements, is written once the operator has returned.
class Apart {
 public:
  // Puts the new tensors in the places of the outs; also where the operator does not check late, if `all` says so.
  Apart(const Op& op, torch::jit::Stack& stack, bool all);
  // Whether the operator has recorded a graph for one of them.
  bool is_recorded() const;
  // Gives the outs their shapes and elements. Where it throws, no element has been written.
  void deliver();

 private:
  struct Pair {
    at::Tensor out, own;
  };
  std::vector<Pair> pairs_;
};

// Whether some argument is sparse: operators find out late that they cannot combine it with the others.
bool takes_sparse(const torch::jit::Stack& stack);

// Whether every element lies within the storage.
bool within_storage(const at::Tensor& t);

// Whether an operator, by its name with namespace, may throw when it has written already, other than for an index.
bool checks_late(const std::string& name);

bool writes_by_index(const std::string& name);

// Operators that write by index find a wrong index when they meet it. Throws ERR_INDEX for one before anything is
// written.
void check_indices(const Op& op, const torch::jit::Stack& stack);

}  // namespace tc
