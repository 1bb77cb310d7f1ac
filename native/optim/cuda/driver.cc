#include "optim/cuda/driver.h"

#include <string>
#include <tuple>
#include <utility>

#include "error.h"
#include "optim/cuda/step.h"
#include "optim/undo.h"

namespace tc::optim::cuda {
namespace {

class CudaDriver : public Driver {
 public:
  explicit CudaDriver(int device) : residence_(device) {}

  Taken step(State& state, const Request& request) override {
    const c10::cuda::CUDAGuard guard(home().device);
    // Noticed late, as the host does not wait: the steps in between have been skipped as well.
    if (residence_.mirror.read() > state.settings.max_consecutive_skips) {
      pull(state);
      // The next step may find better gradients.
      residence_.mirror.write(0);
      return {Outcome::kTooManySkips, {}};
    }
    const bool captured = cuda::capturing(home().stream());
    if (captured) require_capturable(state, request);
    residence_.send(state, visitor_of(state).has_value());
    const Taken taken = asks_user(state, request) ? undoing(state, request) : take_step(residence_, state, request);
    if (captured) {
      captured_ = true;
    } else {
      residence_.memory.stepped();
    }
    return taken;
  }

  bool captured() const override { return captured_; }

  void refresh(const State& state) override { residence_.refresh(state.groups); }

  void pull(State& state) override {
    const c10::cuda::CUDAGuard guard(home().device);
    residence_.memory.receive(state);
    const auto& plans = home().plans;
    for (size_t k = 0; k < plans.size(); ++k) plans[k].receive(state.pipeline.all[k].plan);
  }

  Stats stats(const State& state, size_t stage) const override {
    const c10::Device device = home().device;
    const c10::cuda::CUDAGuard guard(device);
    const bool capturing = cuda::capturing(home().stream());
    // Until the stage memories are sent, the host's are current.
    const bool sent = residence_.memory.sent();
    const PlanCopy* const plan = plan_of(state.pipeline, stage);
    Stats stats;
    if (!sent || plan == nullptr) {
      if (capturing) throw Error("ERR_STATE", "\"clipStats\" can be captured only after a step in the same graph");
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
    residence_.mirror.write(state.counters.consecutive);
  }

 private:
  const Site& home() const { return residence_.home(); }

  Taken undoing(State& state, const Request& request) {
    Undo undo;
    for (const at::Tensor& tensor : residence_.memory.tensors()) undo.keep(tensor);
    undo.keep_elements(state, [](const Item& item) { return device_at(index_of(item)); });
    try {
      return take_step(residence_, state, request);
    } catch (...) {
      undo();
      residence_.mirror.write(residence_.memory.read_control().consecutive);
      throw;
    }
  }

  // A graph runs without the host.
  void require_capturable(const State& state, const Request& request) const {
    const auto refuse = [](const char* why) {
      throw Error("ERR_STATE", std::string("a graph cannot capture a step ") + why);
    };
    if (state.settings.policy == Policy::kError && !request.scaled()) refuse("with nonFinite 'error', which waits");
    if (request.outside) refuse("that is computed outside the engine");
    if (asks_user(state, request)) refuse("with a custom clipper, which the host is asked about");
    if (residence_.spread()) refuse("of parameters on several GPUs");
  }

  const PlanCopy* plan_of(const Pipeline& pipeline, size_t stage) const {
    const auto& plans = home().plans;
    if (plans.empty() || residence_.generation != pipeline.generation) return nullptr;
    for (size_t k = 0; k < pipeline.all.size(); ++k) {
      if (pipeline.all[k].stage != nullptr && pipeline.all[k].index == stage) return &plans[k];
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
