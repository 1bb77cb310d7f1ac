// Gives the processes that share a step each other's new parameters, block by block while the step still updates
// others.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <vector>

#include "optim/peers.h"
#include "optim/planner.h"
#include "optim/shares.h"

namespace tc::optim {

class Spreading {
 public:
  // `members` are the parameters of the step, `blocks` has the block of each of all, and each block has a channel.
  Spreading(Peers& peers, const Shares& shares, const std::deque<Parameter>& parameters,
            const std::vector<size_t>& members, const std::vector<size_t>& blocks, int32_t first);

  // So many members have their new values, as far as they belong to this process.
  void updated(size_t members) noexcept;
  // All have; afterwards they are whole.
  void finish();

 private:
  struct Block {
    size_t number;
    size_t last = 0;  // of its members
    Parts parts;
  };
  void advance(size_t members);

  Peers& peers_;
  int32_t first_;
  std::vector<Block> blocks_;  // in the order in which all processes come to them
  size_t next_ = 0;
  std::deque<std::unique_ptr<Sending>> under_way_;
  std::exception_ptr failure_;
};

}  // namespace tc::optim
