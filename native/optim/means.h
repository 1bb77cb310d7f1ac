// The means of all processes' gradients, for the step of an optimizer that they share. Each block of parameters begins
// to be averaged as soon as a backward pass has its last gradient, so that messages travel while the pass goes on; a
// step ends that, and averages again what has changed since.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "optim/peers.h"
#include "optim/planner.h"
#include "optim/shares.h"

namespace tc::optim {

class Means {
 public:
  // Blocks for parameters of which none has one yet (`blocks` then has the number of the next for each): those of one
  // dtype, the last ones first, as backward passes come to them; large enough for every process to have some chunks.
  static void divide(const std::deque<Parameter>& parameters, int processes, std::vector<size_t>& blocks);

  // Parameters of one block have one dtype. A parameter in a memory of which each process has its part is left out: its
  // gradient is a mean already. `first` is the channel of the first block; each has its own.
  Means(Peers& peers, const Shares& shares, std::deque<Parameter>& parameters, const std::vector<size_t>& blocks,
        int32_t first);
  ~Means();
  Means(const Means&) = delete;
  Means& operator=(const Means&) = delete;

  // A backward pass has added to the parameter's gradient.
  void arrived(size_t parameter);

  // A step: what this process has to say, of which the largest numbers of all are agreed upon; zeros for gradients that
  // it alone lacks (whether there were some); then the means, as those of the parameters, until they are dropped.
  std::vector<int32_t> numbers() const;
  bool fill(const std::vector<int32_t>& agreed);
  void take(const std::vector<int32_t>& agreed);
  void drop();

  // How many blocks' averages from backward passes steps have used, and how many they could not use.
  std::pair<int64_t, int64_t> early() const { return {used_, wasted_}; }

 private:
  // A gradient as it was read. Held weakly, so that its address does not become another's.
  struct Read {
    c10::weak_intrusive_ptr<c10::TensorImpl> grad;
    c10::weak_intrusive_ptr<c10::StorageImpl> storage;
    const void* data;
    uint32_t version;
  };
  struct Block {
    std::vector<size_t> parameters;
    std::unique_ptr<Averaging> begun;  // from a backward pass
    std::vector<Read> read;            // by that, of each parameter that had a gradient in the last step
    size_t waiting = 0;                // gradients that a pass has still to bring, 0: it begins nothing
  };
  // A parameter's gradients since the last step.
  struct Progress {
    size_t block = 0;
    int32_t seen = 0, expected = 0;  // backward passes that brought one, and how many had for the last step
    bool present = false;            // in the last step, on any process
  };

  bool readable(const Parameter& parameter) const;
  bool unchanged(const Block& block) const;
  std::unique_ptr<Averaging> begin(size_t block);
  void use(Block& block, Averaging& averaging);
  void expect();

  Peers& peers_;
  const Shares& shares_;
  std::deque<Parameter>& parameters_;
  std::vector<Block> blocks_;
  std::vector<Progress> progress_;
  int32_t first_;
  int64_t used_ = 0, wasted_ = 0;
  // Steps until backward passes begin to average again, and how many it will be after the next waste.
  int32_t rest_ = 0, penalty_ = 1;
};

}  // namespace tc::optim
