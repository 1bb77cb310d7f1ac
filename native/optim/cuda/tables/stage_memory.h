// The counters of an optimizer and the stage memories, on the device.
#pragma once

#include "optim/cuda/tables/buffer.h"
#include "optim/cuda/tables/tables.h"
#include "optim/driver.h"

namespace tc::optim::cuda {

class StageMemoryCopies {
 public:
  explicit StageMemoryCopies(c10::Device device) : device_(device) {}

  // Makes room for all parameters and units, and sends the host's stage memories if they are new.
  void prepare(State& state, const std::vector<const Plan*>& plan_of_stage);
  // The items, with the addresses of their counts and scalars on the device. Remembers where the host keeps them.
  std::vector<Item> resident(const std::vector<Item>& items);
  DeviceStageMemory stage(size_t k, const Stage& stage) const;
  // What the current stream is given next uses the memories.
  void use() const;
  const Buffer<Control>& control() const { return control_; }
  const Buffer<int64_t>& counts() const { return counts_; }
  const Buffer<double>& scalars() const { return scalars_; }
  const Buffer<double>& numbers(size_t k) const { return stages_[k].numbers; }
  // Whether the stage memories are on the device.
  bool sent() const { return sent_; }
  // Fills in what the device counts of the stage, as copies on the device.
  void tell(Stats& stats, size_t k) const;
  // Notes that a step has been launched, after which histories have at most one more value.
  void stepped() { ++steps_; }
  // Waits for the step, and says whether it was taken.
  Control read_control() const { return control_.receive().front(); }

  void receive(State& state);
  // The host's stage memories and counts have been replaced: the next step sends them.
  void replaced() {
    sent_ = false;
    origins_.clear();
  }
  // Everything that a step changes besides elements.
  std::vector<at::Tensor> tensors() const;

 private:
  // The memory of one stage's histories: one after another, of `capacity` values each.
  struct Histories {
    Buffer<Percentile> heads;
    Buffer<double> values;
    Buffer<Percentile::Cell> cells;
    int64_t capacity = 0;
  };
  struct StageCopy {
    Buffer<StageCounters> counters;
    Buffer<double> numbers, tap;
    Histories histories;
    size_t units = 0;
  };
  // Where the host keeps a parameter's counts.
  struct Origin {
    int64_t* step = nullptr;
    double* scalars = nullptr;
  };

  void send(const State& state, const std::vector<const Plan*>& plans);
  void receive_counts() const;
  void send_histories(StageCopy& copy, const StageMemory& memory, const Clipper& clipper);

  c10::Device device_;
  Buffer<Control> control_;
  std::vector<StageCopy> stages_;
  Buffer<int64_t> counts_;
  Buffer<double> scalars_;
  std::vector<Origin> origins_;  // by parameter
  int64_t steps_ = 0;            // since the stage memories were sent
  bool sent_ = false;
};

}  // namespace tc::optim::cuda
