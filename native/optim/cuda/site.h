// What a driver keeps on its devices. One of them decides, and has the counters and memories: the home. Each other one
// takes the norms of its parameters, hands them over, and gets the decision back.
#pragma once

#include <deque>
#include <vector>

#include "optim/cuda/tables/memory.h"
#include "optim/cuda/tables/plan.h"
#include "optim/cuda/tables/step_values.h"

namespace tc::optim::cuda {

// A number that kernels write and the host reads without waiting.
class Mirror {
 public:
  Mirror() {
    C10_CUDA_CHECK(cudaHostAlloc(&memory_, sizeof(int64_t), cudaHostAllocMapped));
    C10_CUDA_CHECK(cudaHostGetDevicePointer(&on_device_, memory_, 0));
    *host() = 0;
  }
  ~Mirror() {
    // The collector may come by while a graph is captured.
    const c10::cuda::CUDAStreamCaptureModeGuard relaxed(cudaStreamCaptureModeRelaxed);
    cudaFreeHost(memory_);
  }
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  volatile int64_t* host() const { return static_cast<volatile int64_t*>(memory_); }
  volatile int64_t* device() const { return static_cast<volatile int64_t*>(on_device_); }

 private:
  void *memory_ = nullptr, *on_device_ = nullptr;
};

// One device: the tables, of which it uses what concerns its own parameters.
struct Site {
  explicit Site(int i) : index(i), device(device_at(i)) {}

  cudaStream_t stream() const { return c10::cuda::getCurrentCUDAStream(device.index()).stream(); }

  int index;
  c10::Device device;
  // What graphs read as well: a replay finds what the last `refresh`, or step, has sent.
  Buffer<Group> groups;
  StepValues<void*> gradients;
  std::vector<PlanCopy> plans;  // of Pipeline::all
  // Copies of the home's, where this is another one.
  Buffer<Control> control;
  Buffer<int64_t> counts;
  Buffer<double> scalars, numbers;
};

struct Residence {
  explicit Residence(int device) : memory(device_at(device)) { sites.emplace_back(device); }

  // Sends what has changed since the last step; the plans are new where `generation` is. With `visits`, units that can
  // be are left to their visit.
  void send(State& state, bool visits);

  // Sends what the groups say now, for steps that graphs have captured.
  void refresh(const std::vector<Group>& groups);

  Site& home() { return sites.front(); }
  const Site& home() const { return sites.front(); }
  bool spread() const { return sites.size() > 1; }
  // As the kernels of a site read it.
  const Control* control(const Site& site) const {
    return &site == &home() ? memory.control().data() : site.control.data();
  }

  Mirror mirror;
  MemoryCopy memory;        // the home's
  std::deque<Site> sites;   // the home first
  uint64_t generation = 0;  // of the pipeline that was sent

 private:
  void send_plan(const Plan& plan, PlanCopy& copy, Site& site, const std::vector<Group>& groups, bool visits);
};

}  // namespace tc::optim::cuda
