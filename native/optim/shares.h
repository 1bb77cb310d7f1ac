// How the elements of an optimizer's parameters are shared out among processes: a range of all reals for each, one
// parameter after the other. Ranges end where chunks do in every plan, so that no chunk is shared.
#pragma once

#include <cstddef>
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
  Shares(int processes, const std::vector<Size>& parameters, Cuts cuts);

  // The reals of a parameter that belong to a process.
  Range of(size_t parameter, int process) const;
  // The process that a real belongs to.
  int owner(size_t parameter, int64_t real) const;
  // Calls visit(process, range) for each process that has something of the parameter.
  template <class F>
  void for_owners(size_t parameter, const F& visit) const {
    const int64_t reals = offset_[parameter + 1] - offset_[parameter];
    for (int64_t at = 0; at < reals;) {
      const int process = owner(parameter, at);
      const Range range = of(parameter, process);
      visit(process, range);
      at = range.end;
    }
  }

 private:
  std::vector<int64_t> offset_;  // of each parameter among all reals, then their number
  std::vector<int64_t> bound_;   // where each process's range begins, then their number
};

}  // namespace tc::optim
