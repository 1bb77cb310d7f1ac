#include "optim/cuda/tables/stage_memory.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstddef>

#include "optim/clip/traits.h"
#include "optim/cuda/kernels/launch.h"

namespace tc::optim::cuda {

void StageMemoryCopies::prepare(State& state, const std::vector<const Plan*>& plans) {
  bool fits = sent_ && stages_.size() == plans.size();
  for (size_t k = 0; fits && k < plans.size(); ++k) fits = stages_[k].units == plans[k]->norms.size();
  if (!fits) {
    receive(state);
    send(state, plans);
  }

  const auto stream = c10::cuda::getCurrentCUDAStream(device_.index()).stream();
  // A graph cannot make room: its histories, once full, forget the oldest values.
  if (capturing(stream)) return;
  for (size_t k = 0; k < plans.size(); ++k) {
    const Clipper& clipper = state.settings.stages[k].clipper;
    const int64_t window = window_of(clipper);
    Histories& histories = stages_[k].histories;
    if (!keeps_history(clipper) || steps_ < histories.capacity) continue;
    if (window > 0 && histories.capacity >= window) continue;
    int64_t capacity = std::max<int64_t>(1024, 2 * histories.capacity);
    if (window > 0) capacity = std::min(capacity, window);
    Buffer<double> values;
    Buffer<Percentile::Cell> cells;
    const size_t units = stages_[k].units;
    values.reserve(units * size_t(capacity), device_);
    cells.reserve(units * size_t(capacity), device_);
    move_histories(histories.heads.data(), values.data(), cells.data(), int64_t(units), capacity, stream);
    histories.values = std::move(values);
    histories.cells = std::move(cells);
    histories.capacity = capacity;
  }
}

void StageMemoryCopies::send(const State& state, const std::vector<const Plan*>& plans) {
  control_.touched();
  control_.send({Control{0, 0, state.counters.skipped, state.counters.consecutive}}, device_);
  stages_.clear();
  stages_.resize(plans.size());
  steps_ = 0;
  for (size_t k = 0; k < plans.size(); ++k) {
    const Stage& stage = state.settings.stages[k];
    const StageMemory& memory = state.memories[k];
    StageCopy& copy = stages_[k];
    copy.units = plans[k]->norms.size();
    copy.counters.send({{memory.flips, memory.decisions, memory.clipped, int64_t(memory.tap.size())}}, device_);
    std::vector<double> numbers = memory.numbers;
    numbers.resize(copy.units * numbers_of(stage.clipper));
    copy.numbers.send(numbers, device_);
    std::vector<double> tap(memory.tap.begin(), memory.tap.end());
    tap.resize(size_t(stage.tap));
    copy.tap.send(tap, device_);
    if (keeps_history(stage.clipper)) send_histories(copy, memory, stage.clipper);
  }
  sent_ = true;
}

void StageMemoryCopies::send_histories(StageCopy& copy, const StageMemory& memory, const Clipper& clipper) {
  // The histories of all units lie one after another until a kernel spreads them.
  std::vector<Percentile> heads(copy.units);
  std::vector<int64_t> begins(copy.units, 0);
  std::vector<double> values;
  std::vector<Percentile::Cell> cells;
  int64_t longest = 0;
  for (size_t u = 0; u < std::min(copy.units, memory.histories.size()); ++u) {
    const History& history = memory.histories[u];
    heads[u] = history.percentile();
    begins[u] = int64_t(values.size());
    const int64_t count = heads[u].count();
    values.insert(values.end(), history.memory().begin(), history.memory().begin() + count);
    cells.insert(cells.end(), history.cells().begin(), history.cells().begin() + count);
    longest = std::max(longest, count);
  }
  const int64_t window = window_of(clipper);
  Histories& to = copy.histories;
  to.capacity = std::max<int64_t>(1024, 2 * longest);
  if (window > 0) to.capacity = std::min(to.capacity, window);
  to.values.reserve(copy.units * size_t(to.capacity), device_);
  to.cells.reserve(copy.units * size_t(to.capacity), device_);
  Buffer<double> sent_values;
  Buffer<Percentile::Cell> sent_cells;
  sent_values.send(values, device_);
  sent_cells.send(cells, device_);
  for (size_t u = 0; u < copy.units; ++u) {
    heads[u].use(sent_values.data() + begins[u], sent_cells.data() + begins[u], heads[u].count());
  }
  to.heads.send(heads, device_);
  to.heads.touched();
  const auto stream = c10::cuda::getCurrentCUDAStream(device_.index()).stream();
  move_histories(to.heads.data(), to.values.data(), to.cells.data(), int64_t(copy.units), to.capacity, stream);
  steps_ = std::max(steps_, longest);
}

std::vector<Item> StageMemoryCopies::resident(const std::vector<Item>& items) {
  size_t count = origins_.size();
  for (const Item& item : items) count = std::max(count, size_t(item.parameter) + 1);
  const bool fresh = count > origins_.size() || std::any_of(items.begin(), items.end(), [&](const Item& item) {
                       const Origin& origin = origins_[size_t(item.parameter)];
                       return origin.step != item.step || origin.scalars != item.scalars;
                     });
  if (fresh) {
    // The device's counts have changed since they were sent.
    receive_counts();
    origins_.resize(count);
    for (const Item& item : items) origins_[size_t(item.parameter)] = {item.step, item.scalars};
    std::vector<int64_t> steps(count, 0);
    std::vector<double> scalars(count * kMaxScalars, 0);
    for (size_t i = 0; i < count; ++i) {
      if (origins_[i].step != nullptr) steps[i] = *origins_[i].step;
      for (int k = 0; origins_[i].scalars != nullptr && k < kMaxScalars; ++k) {
        scalars[i * kMaxScalars + size_t(k)] = origins_[i].scalars[k];
      }
    }
    counts_.touched();
    scalars_.touched();
    counts_.send(steps, device_);
    scalars_.send(scalars, device_);
  }
  std::vector<Item> out = items;
  for (Item& item : out) {
    if (item.step != nullptr) item.step = counts_.data() + item.parameter;
    if (item.scalars != nullptr) item.scalars = scalars_.data() + item.parameter * kMaxScalars;
  }
  return out;
}

DeviceStageMemory StageMemoryCopies::stage(size_t k, const Stage& stage) const {
  const StageCopy& copy = stages_[k];
  return {copy.counters.data(), copy.numbers.data(), copy.histories.heads.data(), copy.tap.data(), stage.tap};
}

void StageMemoryCopies::use() const {
  const auto each = [](const auto&... buffers) { (buffers.use(), ...); };
  each(control_, counts_, scalars_);
  for (const StageCopy& copy : stages_) {
    each(copy.counters, copy.numbers, copy.tap, copy.histories.heads, copy.histories.values, copy.histories.cells);
  }
}

void StageMemoryCopies::tell(Stats& stats, size_t k) const {
  stats.skipped = control_.copy(c10::kLong).select(0, offsetof(Control, skipped) / sizeof(int64_t));
  const auto options = at::TensorOptions(device_).dtype(c10::kDouble);
  stats.tap = at::empty({0}, options);
  if (stages_.empty()) {
    stats.clipped = at::zeros({}, options);
    return;
  }
  const StageCopy& copy = stages_[k];
  const at::Tensor counters = copy.counters.copy(c10::kLong);
  const auto counter = [&](size_t offset) { return counters.select(0, int64_t(offset / sizeof(int64_t))); };
  const at::Tensor decisions = counter(offsetof(StageCounters, decisions)).clamp_min(1);
  stats.clipped = counter(offsetof(StageCounters, clipped)).to(c10::kDouble).div(decisions);
  if (copy.tap.size() == 0) return;
  stats.tap = copy.tap.copy(c10::kDouble);
  stats.taps = counter(offsetof(StageCounters, taps));
}

void StageMemoryCopies::receive_counts() const {
  if (origins_.empty()) return;
  const std::vector<int64_t> steps = counts_.receive();
  const std::vector<double> scalars = scalars_.receive();
  for (size_t i = 0; i < origins_.size(); ++i) {
    if (origins_[i].step != nullptr) *origins_[i].step = steps[i];
    for (int k = 0; origins_[i].scalars != nullptr && k < kMaxScalars; ++k) {
      origins_[i].scalars[k] = scalars[i * kMaxScalars + size_t(k)];
    }
  }
}

std::vector<at::Tensor> StageMemoryCopies::tensors() const {
  std::vector<at::Tensor> all{control_.tensor(), counts_.tensor(), scalars_.tensor()};
  for (const StageCopy& copy : stages_) {
    const Histories& histories = copy.histories;
    all.insert(all.end(), {copy.counters.tensor(), copy.numbers.tensor(), copy.tap.tensor(), histories.heads.tensor(),
                           histories.values.tensor(), histories.cells.tensor()});
  }
  // A buffer without contents has no tensor.
  std::erase_if(all, [](const at::Tensor& tensor) { return !tensor.defined(); });
  return all;
}

void StageMemoryCopies::receive(State& state) {
  if (!sent_) return;
  const Control control = control_.receive().front();
  state.counters = {control.skipped, control.consecutive};
  receive_counts();
  for (size_t k = 0; k < stages_.size(); ++k) {
    const Stage& stage = state.settings.stages[k];
    StageMemory& memory = state.memories[k];
    const StageCopy& copy = stages_[k];
    const StageCounters counters = copy.counters.receive().front();
    // The stage remembers nothing yet.
    if (counters.decisions == 0) continue;
    memory.flips = counters.flips;
    memory.decisions = counters.decisions;
    memory.clipped = counters.clipped;
    memory.numbers = copy.numbers.receive();
    memory.tap.clear();
    const std::vector<double> tap = copy.tap.receive();
    const int64_t kept = std::min(counters.taps, stage.tap);
    for (int64_t i = counters.taps - kept; i < counters.taps; ++i) memory.tap.push_back(tap[size_t(i % stage.tap)]);
    if (!keeps_history(stage.clipper)) continue;
    const Histories& histories = copy.histories;
    const std::vector<Percentile> heads = histories.heads.receive();
    const std::vector<double> values = histories.values.receive();
    memory.histories.assign(copy.units, {});
    for (size_t u = 0; u < copy.units; ++u) {
      std::vector<double> own(size_t(heads[u].count()));
      for (size_t i = 0; i < own.size(); ++i) {
        own[i] = values[u * size_t(histories.capacity) + (size_t(heads[u].oldest()) + i) % size_t(histories.capacity)];
      }
      memory.histories[u].load(own, window_of(stage.clipper), quantile_of(stage.clipper));
    }
  }
}

}  // namespace tc::optim::cuda
