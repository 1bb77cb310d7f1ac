#include "optim/cuda/driver.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "error.h"
#include "optim/cuda/step.h"

namespace tc::optim::cuda {
namespace {

// What a step has moved before the user's code may throw, to be put back.
class Undo {
 public:
  Undo(const MemoryCopy& memory, const State& state) {
    for (const at::Tensor& tensor : memory.tensors()) save(tensor);
    for (const auto* steps : {&state.pipeline.gradients, &state.pipeline.updates}) {
      for (const Step& step : *steps) {
        if (step.stage < 0 || !acts_on_elements(state.settings.stages[size_t(step.stage)].clipper)) continue;
        for (const Item& item : step.plan.items) save(elements_of(item));
      }
    }
  }
  void operator()() {
    for (auto& [where, what] : saved_) where.copy_(what);
  }

 private:
  static at::Tensor elements_of(const Item& item) {
    const c10::ScalarType dtype = item.dtype == Dtype::kDouble ? c10::kDouble : c10::kFloat;
    const auto options = at::TensorOptions(device_at(index_of(item))).dtype(dtype);
    return at::from_blob(item.state[0], {item.numel}, options);
  }
  void save(const at::Tensor& tensor) { saved_.push_back({tensor, tensor.clone()}); }

  std::vector<std::pair<at::Tensor, at::Tensor>> saved_;
};

class CudaDriver : public Driver {
 public:
  explicit CudaDriver(int device) : residence_(device) {}

  Outcome step(State& state, const Custom& custom) override {
    const c10::cuda::CUDAGuard guard(home().device);
    // Noticed late, so that nobody waits: the steps between have been skipped as well.
    if (*residence_.mirror.host() > state.settings.max_consecutive_skips) {
      pull(state);
      // The next step may find better gradients.
      *residence_.mirror.host() = 0;
      return Outcome::kTooManySkips;
    }
    const bool captured = cuda::capturing(home().stream());
    if (captured) require_capturable(state);
    residence_.send(state, visitor_of(state).has_value());
    const Outcome outcome = asks(state) ? undoing(state, custom) : take_step(residence_, state, custom);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    if (captured) {
      captured_ = true;
    } else {
      residence_.memory.stepped();
    }
    return outcome;
  }

  bool captured() const override { return captured_; }

  void refresh(const State& state) override { residence_.refresh(state.groups); }

  void pull(State& state) override {
    const c10::cuda::CUDAGuard guard(home().device);
    residence_.memory.receive(state);
    size_t k = 0;
    const auto& plans = home().plans;
    for (auto* steps : {&state.pipeline.gradients, &state.pipeline.updates}) {
      for (Step& step : *steps) {
        if (k < plans.size()) plans[k++].receive(step.plan);
      }
    }
  }

  Stats stats(const State& state, size_t stage) const override {
    const c10::Device device = home().device;
    const c10::cuda::CUDAGuard guard(device);
    const bool capturing = cuda::capturing(home().stream());
    // What has not been sent yet is the host's.
    const bool sent = residence_.memory.sent();
    const PlanCopy* const plan = plan_of(state.pipeline, stage);
    Stats stats;
    if (!sent || plan == nullptr) {
      if (capturing) throw Error("ERR_STATE", "a graph can capture \"clipStats\" after a step only");
      stats = stats_of(state, stage);
      for (at::Tensor* tensor :
           {&stats.norm, &stats.coefficient, &stats.threshold, &stats.clipped, &stats.tap, &stats.skipped}) {
        *tensor = to_device(*tensor, device);
      }
    }
    if (plan != nullptr) {
      auto outcome = plan->outcome();
      const bool scalar = scope_of(state.settings, stage) == Scope::kGlobal;
      for (at::Tensor& tensor : outcome) tensor = scalar ? tensor.reshape({}) : tensor;
      std::tie(stats.norm, stats.coefficient, stats.threshold) = std::tie(outcome[0], outcome[1], outcome[2]);
    }
    if (sent) residence_.memory.tell(stats, stage);
    return stats;
  }

  void push(const State& state) override {
    residence_.memory.replaced();
    *residence_.mirror.host() = state.counters.consecutive;
  }

 private:
  const Site& home() const { return residence_.home(); }

  // Whether the user's code takes part in a step.
  static bool asks(const State& state) {
    const auto& stages = state.settings.stages;
    return state.outside || std::any_of(stages.begin(), stages.end(), [](const Stage& stage) {
             return std::holds_alternative<CustomClip>(stage.clipper);
           });
  }
  Outcome undoing(State& state, const Custom& custom) {
    Undo undo(residence_.memory, state);
    try {
      return take_step(residence_, state, custom);
    } catch (...) {
      undo();
      *residence_.mirror.host() = residence_.memory.read_control().consecutive;
      throw;
    }
  }

  // A graph takes its steps without the host.
  void require_capturable(const State& state) const {
    const auto refuse = [](const char* why) {
      throw Error("ERR_STATE", std::string("a graph cannot capture a step ") + why);
    };
    if (state.settings.policy == Policy::kError && !state.scaled()) refuse("with nonFinite 'error', which waits");
    if (state.outside) refuse("that is computed outside the engine");
    if (asks(state)) refuse("with a custom clipper, which the host is asked about");
    if (residence_.spread()) refuse("of parameters on several GPUs");
  }

  const PlanCopy* plan_of(const Pipeline& pipeline, size_t stage) const {
    const auto& plans = home().plans;
    if (plans.empty() || residence_.generation != pipeline.generation) return nullptr;
    size_t k = 0;
    for (const auto* steps : {&pipeline.gradients, &pipeline.updates}) {
      for (const Step& step : *steps) {
        if (step.stage == int(stage)) return &plans[k];
        ++k;
      }
    }
    return &plans.front();
  }

  Residence residence_;
  bool captured_ = false;
};

int index_of(c10::Device device) { return kEmulated ? 0 : device.index(); }

}  // namespace

bool capturing(c10::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  return capturing(c10::cuda::getCurrentCUDAStream(device.index()).stream());
}

std::unique_ptr<Driver> make_driver(c10::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  return std::make_unique<CudaDriver>(index_of(device));
}

}  // namespace tc::optim::cuda
