// A count that kernels write and the host reads without waiting.
#pragma once

#include "optim/cuda/runtime.h"
#include "optim/cuda/tables/tables.h"

namespace tc::optim::cuda {

class Mirror {
 public:
  // On the current device.
  Mirror();
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  // The last count that has arrived.
  int64_t read() const;
  void write(int64_t count);
  MirrorAddress on_device() const { return {on_device_, tag_}; }

 private:
  volatile int64_t* memory_;
  volatile int64_t* on_device_ = nullptr;
  int64_t tag_;
};

}  // namespace tc::optim::cuda
