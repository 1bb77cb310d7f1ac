// Operations of a backward pass that wait for a function of JavaScript, and hold their lock meanwhile: those that
// unpack what they have saved, and leaves whose gradient has been added to. A backward pass that such a function starts
// must not go through them, or it would wait for ever.
#pragma once

#include <torch/csrc/autograd/function.h>

namespace tc {

// Notes the operation that runs on this thread as waiting, as long as this lives.
class Waiting {
 public:
  Waiting();
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
};

// Throws where a backward pass from `roots` to `outputs`, or to all leaves without any, would go through one that
// waits.
void refuse_waiting(const torch::autograd::edge_list& roots, const torch::autograd::edge_list& outputs);

}  // namespace tc
