// The processes among which the elements of an optimizer's parameters are shared out, as the engine sees them. Every
// process makes the same calls in the same order; each call throws where another process has gone.
#pragma once

#include <functional>
#include <vector>

#include "optim/element.h"

namespace tc::optim {

struct Span {
  char* data;
  int64_t bytes;
};
// What belongs to each process, by its rank. All of it has a place in the memory of every process.
using Parts = std::vector<std::vector<Span>>;

// What an optimizer says when it meets the others' optimizers.
inline constexpr int32_t kOptimizers = 0;

class Peers {
 public:
  virtual ~Peers() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Throws on every process where they do not all say the same number of what they are about to do; they cannot go on
  // together then.
  virtual void meet(int32_t what) = 0;
  // Sends what belongs to this process, and fills in what belongs to the others.
  virtual void gather(const Parts& parts) = 0;
  // Every process has numbers of its own in all parts: begins to write the mean of those in this process's part to
  // `mean`, one span after the other. What it returns is called once, and ends it; until then all of that must be
  // there.
  virtual std::function<void()> average(Parts parts, Dtype dtype, void* mean) = 0;
  // Replaces each number by the largest that any process has.
  virtual void largest(std::vector<int32_t>& numbers) = 0;
};

}  // namespace tc::optim
