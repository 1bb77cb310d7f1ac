#include "binding/autograd/dual_level.h"

#include <torch/csrc/autograd/autograd.h>

#include <mutex>

#include "binding/autograd/decompositions.h"
#include "binding/error.h"

namespace tc {
namespace {

std::mutex mutex;
int threads = 0;  // that have a level open

void enter() {
  register_decompositions();
  const std::lock_guard lock(mutex);
  if (threads == 0) torch::autograd::forward_ad::enter_dual_level();
  ++threads;
}

void leave() noexcept {
  const std::lock_guard lock(mutex);
  if (--threads == 0) torch::autograd::forward_ad::exit_dual_level(kDualLevel);
}

// Of one thread, which may end while a level is open.
struct Depth {
  int count = 0;
  bool by_user = false;
  ~Depth() {
    if (count > 0) leave();
  }
};
thread_local Depth depth;

}  // namespace

DualLevel::DualLevel() {
  if (depth.by_user) {
    throw Error("ERR_STATE", "jvp() cannot run inside of a level of forwardAd: levels cannot be nested");
  }
  if (depth.count == 0) enter();
  ++depth.count;
}

DualLevel::~DualLevel() {
  if (--depth.count == 0) leave();
}

void open_dual_level() {
  if (depth.count > 0) {
    throw Error("ERR_STATE", "a level of forward-mode differentiation is open already, and levels cannot be nested");
  }
  enter();
  depth.count = 1;
  depth.by_user = true;
}

void close_dual_level() {
  if (!depth.by_user) throw Error("ERR_STATE", "no level of forward-mode differentiation is open");
  depth.count = 0;
  depth.by_user = false;
  leave();
}

}  // namespace tc
