// The processes among which the elements of an optimizer's parameters are shared out, as the engine sees them. Every
// process makes the same calls in the same order; each call throws where another process has gone.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "optim/element.h"

namespace tc::optim {

struct Span {
  char* data;  // null: zeros, where they are only read
  int64_t bytes;
};
// What belongs to each process, by its rank. All of it has a place in the memory of every process.
using Parts = std::vector<std::vector<Span>>;

// The channel on which fully sharded modules average, one after the other.
inline constexpr int32_t kModules = 0;

// A mean of all processes' numbers that is being found.
class Averaging {
 public:
  virtual ~Averaging() = default;
  // Goes on beside this thread, which has other things to do.
  virtual void aside() = 0;
  // Called once: the means of the numbers in this process's part, one span after the other, flat.
  virtual at::Tensor finish() = 0;
};

// Parts that are being sent to all processes.
class Sending {
 public:
  virtual ~Sending() = default;
  // Called once: the others' parts are there.
  virtual void finish() = 0;
};

class Peers {
 public:
  virtual ~Peers() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Throws on every process where they do not all say the same number of what they are about to do; they cannot go on
  // together then. Optimizers say negative numbers, modules positive ones. Returns which of two facts hold on some
  // process.
  struct Facts {
    bool first = false, second = false;
  };
  virtual Facts meet(int32_t what, Facts here) = 0;
  void meet(int32_t what) { meet(what, {}); }
  // Sends what belongs to this process, and fills in what belongs to the others.
  virtual void gather(const Parts& parts) = 0;
  // Every process has numbers of its own in all parts, which are read now: begins to find their means. Processes may
  // begin averages of different channels in different orders.
  virtual std::unique_ptr<Averaging> average(const Parts& parts, Dtype dtype, int32_t channel) = 0;
  // Begins to send what belongs to this process, as it is now, and to receive what belongs to the others, which has a
  // place until this ends. Unlike `gather`, in any order of the channels.
  virtual std::unique_ptr<Sending> spread(Parts parts, int32_t channel) = 0;
  // The first of some channels that nobody else has. All processes reserve the same, in one order.
  virtual int32_t reserve(int32_t channels) = 0;
  // Replaces each number by the largest that any process has.
  virtual void largest(std::vector<int32_t>& numbers) = 0;
};

}  // namespace tc::optim
