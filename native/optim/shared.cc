// The part of an optimizer that speaks to other processes, where the elements are shared out among these.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/copy.h>
#include <ATen/ops/empty_strided.h>

#include <algorithm>

#include "error.h"
#include "optim/optimizer.h"
#include "optim/partial_memory.h"
#include "optim/tensor_view.h"

namespace tc::optim {
namespace {

// FNV-1a.
class Print {
 public:
  void add(const void* data, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) value_ = (value_ ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3;
  }
  template <class T>
  void add(T number) {
    add(&number, sizeof number);
  }
  template <class List>
  void add_all(const List& list) {
    add(int64_t(list.size()));
    for (const auto number : list) add(number);
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

void add_memory(Print& print, const StageMemory& memory) {
  print.add(memory.flips);
  print.add(memory.decisions);
  print.add(memory.clipped);
}

}  // namespace

Range Optimizer::own(size_t parameter) const {
  const Parameter& p = parameters_[parameter];
  return p.own ? *p.own : Range{0, reals(p.value)};
}

std::pair<Range, std::vector<int64_t>> Optimizer::part(size_t parameter) const {
  const Parameter& p = parameters_[parameter];
  const int64_t width = p.value.is_complex() ? 2 : 1;
  const Range range = own(parameter);
  return {{range.begin / width, range.end / width}, p.own ? p.layout : planner_.layout_of(p.value)};
}

void Optimizer::divide(int processes, std::vector<size_t>& blocks) const {
  Means::divide(parameters_, processes, blocks);
}

Shares Optimizer::shares_of(int processes, const std::vector<size_t>& blocks) const {
  std::vector<Shares::Size> sizes;
  for (const Parameter& p : parameters_) {
    sizes.push_back({reals(p.value), p.value.dim() < 2 || p.value.numel() == 0 ? 1 : p.value.size(0)});
  }
  return Shares(processes, sizes, planner_.cuts(), blocks);
}

void Optimizer::share(std::shared_ptr<Peers> peers, bool average, const std::string& signature,
                      const std::vector<size_t>& blocks) {
  require_idle();
  const at::NoGradGuard no_grad;
  if (shared()) throw Error("ERR_STATE", "the optimizer is sharded already");
  pull();
  Print print;
  print.add(signature.data(), signature.size());
  print.add_all(blocks);
  print.add(average);
  print.add(state_.counters.skipped);
  print.add(state_.counters.consecutive);
  for (const StageMemory& memory : state_.memories) {
    add_memory(print, memory);
    print.add_all(memory.numbers);
    for (const History& history : memory.histories) print.add_all(history.values());
    print.add_all(memory.tap);
  }
  std::exception_ptr failure;
  for (const Parameter& p : parameters_) {
    print.add(p.group);
    print.add(p.state.step);
    print.add(int32_t(p.value.scalar_type()));
    print.add_all(p.value.sizes());
    print.add_all(planner_.layout_of(p.value));
    if (!p.value.is_cpu() && failure == nullptr) {
      failure = std::make_exception_ptr(Error(
          "ERR_DEVICE", "the parameters of a sharded optimizer must lie on the CPU, got " + p.value.device().str()));
    }
  }
  std::vector<StageState> stages;
  for (size_t k = 0; k < this->stages(); ++k) stages.push_back(stage_state(k));
  std::vector<ParameterState> states = whole_states();
  state_.peers = std::move(peers);
  std::vector<int32_t> none;
  try {
    agree(none, failure, print.value(), "its optimizer cannot be sharded");
  } catch (...) {
    state_.peers.reset();
    throw;
  }
  state_.shares = shares_of(state_.peers->size(), blocks);
  for (size_t k = 0; k < parameters_.size(); ++k) {
    Parameter& p = parameters_[k];
    p.own = state_.shares.of(k, state_.peers->rank());
    p.layout = planner_.layout_of(p.value);
    p.sizes = p.value.sizes().vec();
    p.dtype = p.value.scalar_type();
  }
  blocks_ = blocks;
  const auto count = blocks.empty() ? 0 : int32_t(*std::max_element(blocks.begin(), blocks.end()) + 1);
  channel_ = state_.peers->reserve(std::max(2 * count, 1));
  if (average) means_ = std::make_unique<Means>(*state_.peers, state_.shares, parameters_, blocks, channel_ + count);
  load(states, state_.counters, stages);
}

// An optimizer that is only being shared has no channels yet, and the others have no channel 0.
void Optimizer::meet_others(Together what) const { state_.peers->meet(-1 - (channel_ * kTogether + what)); }

// Throws on all processes where one has failed, or where `print` differs; replaces numbers by the largest.
void Optimizer::agree(std::vector<int32_t>& numbers, std::exception_ptr failure, uint64_t print,
                      const char* what) const {
  const auto half = [](uint64_t x, int shift) { return int32_t(uint32_t(x >> shift) >> 1); };
  const int32_t low = half(print, 0), high = half(print, 32);
  const size_t count = numbers.size();
  meet_others(kStep);
  // The largest and the least of the fingerprint's halves are equal where all are.
  for (const int32_t number : {failure != nullptr ? state_.peers->rank() + 1 : 0, low, -low, high, -high}) {
    numbers.push_back(number);
  }
  state_.peers->largest(numbers);
  const int32_t* const found = numbers.data() + count;
  if (failure != nullptr) std::rethrow_exception(failure);
  if (found[0] > 0) {
    throw Error("ERR_DISTRIBUTED", "rank " + std::to_string(found[0] - 1) +
                                       " of the group has stopped a step of all: " + what + ", as its own error says");
  }
  if (found[1] != -found[2] || found[3] != -found[4]) {
    throw Error("ERR_DISTRIBUTED",
                "the ranks of a sharded optimizer must have the same parameters, options, clippers and state, which "
                "differ: give all the same options, and load one state dict on all");
  }
  numbers.resize(count);
}

void Optimizer::together(const char* what, const std::function<void()>& body) const {
  std::exception_ptr failure;
  try {
    body();
  } catch (...) {
    failure = std::current_exception();
  }
  std::vector<int32_t> none;
  agree(none, failure, 0, what);
}

// What must be the same at every step.
uint64_t Optimizer::fingerprint(const double* groups, bool scaled) const {
  Print print;
  print.add(scaled);
  for (size_t i = 0; i < state_.groups.size() * kGroupLength; ++i) print.add(groups[i]);
  print.add(state_.counters.skipped);
  print.add(state_.counters.consecutive);
  for (const StageMemory& memory : state_.memories) add_memory(print, memory);
  for (const Parameter& p : parameters_) {
    print.add(p.state.step);
    // Means are taken with zeros where a process has no gradient.
    if (!means_) print.add(p.value.unsafeGetTensorImpl()->grad().defined());
  }
  return print.value();
}

constexpr const char* kBegin = "it cannot begin one";

void Optimizer::fail() {
  std::vector<int32_t> numbers;
  if (means_) numbers = means_->numbers();
  try {
    agree(numbers, std::make_exception_ptr(Error("ERR_STATE", "")), 0, kBegin);
  } catch (...) {
    // This process's own error, or one that would hide what the caller is about to throw.
  }
}

// Plans the step, or throws on all processes where one cannot.
void Optimizer::meet(const double* groups, bool scaled) {
  std::exception_ptr failure;
  try {
    plan(groups);
    // Another process may have a gradient for it.
    for (const Parameter& p : parameters_) {
      if (!p.value.unsafeGetTensorImpl()->grad().defined()) planner_.require_as_shared(p, planner_.layout_of(p.value));
    }
  } catch (...) {
    failure = std::current_exception();
  }
  std::vector<int32_t> numbers;
  if (means_) numbers = means_->numbers();
  agree(numbers, failure, fingerprint(groups, scaled), kBegin);
  if (!means_) return;
  if (means_->fill(numbers)) plan(groups);
  means_->take(numbers);
  // The plan is to visit the means.
  plan(groups);
}

// A tensor with the parameter's shape, of which this process has its part; `parts` then says who has which.
at::Tensor Optimizer::whole_of(size_t parameter, const at::Tensor& own, Parts& parts) const {
  const Parameter& p = parameters_[parameter];
  const at::Tensor whole = at::empty_strided(p.sizes, p.layout, own.options());
  flat_part(whole, p.own->begin, p.own->end).copy_(own);
  parts.resize(size_t(state_.peers->size()));
  add_parts(parts, state_.shares, parameter, whole.scalar_type(), address(whole));
  return whole;
}

std::vector<ParameterState> Optimizer::whole_states() const {
  const at::NoGradGuard no_grad;
  if (shared()) meet_others(kState);
  std::vector<ParameterState> states;
  Parts parts;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    states.push_back(parameters_[i].state);
    for (at::Tensor& slot : states.back().slot) {
      if (slot.defined() && shared()) slot = whole_of(i, slot, parts);
    }
  }
  if (!parts.empty()) state_.peers->gather(parts);
  return states;
}

}  // namespace tc::optim
