// How the elements of an optimizer's parameters are shared out among processes: of each block of parameters, taken one
// after the other, a range of all reals for each. Ranges end where chunks do in every plan, so that no chunk is shared.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "optim/pass.h"

namespace tc::optim {

struct Range {
  int64_t begin, end;

  int64_t length() const { return end - begin; }
};

class Shares {
 public:
  struct Size {
    int64_t reals;
    int64_t rows;
  };
  // Which plans there are: with rows as units, with larger units, or both.
  struct Cuts {
    bool by_row;
    bool larger;
  };

  Shares() = default;
  // `blocks` has the block of each parameter, counted from 0; empty: one block.
  Shares(int processes, const std::vector<Size>& parameters, Cuts cuts, const std::vector<size_t>& blocks = {});

  // The reals of a parameter that belong to a process.
  Range of(size_t parameter, int process) const;
  // The process that a real belongs to.
  int owner(size_t parameter, int64_t real) const;
  // Calls visit(process, range) for each process that has something of the parameter.
  template <class F>
  void for_owners(size_t parameter, const F& visit) const {
    const auto& [block, k] = place_[parameter];
    const int64_t reals = blocks_[block].offset[k + 1] - blocks_[block].offset[k];
    for (int64_t at = 0; at < reals;) {
      const int process = owner(parameter, at);
      const Range range = of(parameter, process);
      visit(process, range);
      at = range.end;
    }
  }

 private:
  struct Block {
    std::vector<int64_t> offset{0};  // of each parameter among the block's reals, then their number
    std::vector<int64_t> bound{0};   // where each process's range begins, then their number
  };
  std::vector<Block> blocks_;
  std::vector<std::pair<size_t, size_t>> place_;  // the block of each parameter, and its index there
};

}  // namespace tc::optim
