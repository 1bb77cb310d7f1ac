// What a driver keeps on its devices. One of them, the home, decides and holds the counters and stage memories. Every
// other one computes the norms of its own parameters, hands them over, and receives the decision.
#pragma once

#include <deque>
#include <vector>

#include "optim/cuda/mirror.h"
#include "optim/cuda/tables/plan.h"
#include "optim/cuda/tables/stage_memory.h"
#include "optim/cuda/tables/step_values.h"

namespace tc::optim::cuda {

// The tables on one device, which uses the parts that concern its own parameters.
struct Site {
  explicit Site(int i) : index(i), device(device_at(i)) {}

  // What its current stream is given next uses the tables.
  void use() const {
    groups.use();
    gradients.use();
    for (const PlanCopy& plan : plans) plan.use();
    control.use();
    counts.use();
    scalars.use();
    numbers.use();
  }
  cudaStream_t stream() const { return c10::cuda::getCurrentCUDAStream(device.index()).stream(); }

  int index;
  c10::Device device;
  // Graphs read these as well: a replay finds what the last `refresh` or step sent.
  Buffer<Group> groups;
  StepValues<void*> gradients;
  std::vector<PlanCopy> plans;  // of Pipeline::all
  // Copies of the home's, on every other device.
  Buffer<Control> control;
  Buffer<int64_t> counts;
  Buffer<double> scalars, numbers;
};

struct Residence {
  explicit Residence(int device) : memory(device_at(device)) { sites.emplace_back(device); }

  // Sends what has changed since the last step. Plans have changed if `generation` has. With `visits`, units that can
  // be visited are left to their visit.
  void send(State& state, bool visits);

  // Sends the groups' present options, for steps that graphs have captured.
  void refresh(const std::vector<Group>& groups);

  Site& home() { return sites.front(); }
  const Site& home() const { return sites.front(); }
  bool spread() const { return sites.size() > 1; }
  // As the site's kernels read it.
  const Control* control(const Site& site) const {
    return &site == &home() ? memory.control().data() : site.control.data();
  }

  Mirror mirror;
  StageMemoryCopies memory;  // the home's
  std::deque<Site> sites;    // the home first
  uint64_t generation = 0;   // of the pipeline that was sent

 private:
  void use() const;
  void send_plan(const Plan& plan, PlanCopy& copy, Site& site, const std::vector<Group>& groups, bool visits);
};

}  // namespace tc::optim::cuda
