#include "optim/cuda/driver.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "error.h"
#include "optim/cuda/memory.h"
#include "optim/cuda/plan.h"
#include "optim/cuda/step_values.h"
#include "optim/rule/info.h"

namespace tc::optim::cuda {
namespace {

// A number that kernels write and the host reads without waiting.
class Mirror {
 public:
  Mirror() {
    C10_CUDA_CHECK(cudaHostAlloc(&memory_, sizeof(int64_t), cudaHostAllocMapped));
    *host() = 0;
  }
  ~Mirror() { cudaFreeHost(memory_); }
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  volatile int64_t* host() const { return static_cast<volatile int64_t*>(memory_); }
  volatile int64_t* device() const {
    void* address = nullptr;
    C10_CUDA_CHECK(cudaHostGetDevicePointer(&address, memory_, 0));
    return static_cast<volatile int64_t*>(address);
  }

 private:
  void* memory_ = nullptr;
};

// What a step has moved before the user's code may throw, to be put back.
class Undo {
 public:
  Undo(const MemoryCopy& memory, const State& state, c10::Device device) {
    for (const at::Tensor& tensor : memory.tensors()) save(tensor);
    for (const auto* steps : {&state.pipeline.gradients, &state.pipeline.updates}) {
      for (const Step& step : *steps) {
        if (step.stage < 0 || !acts_on_elements(state.settings.stages[size_t(step.stage)].clipper)) continue;
        for (const Item& item : step.plan.items) save(elements_of(item, device));
      }
    }
  }
  void operator()() {
    for (auto& [where, what] : saved_) where.copy_(what);
  }

 private:
  static at::Tensor elements_of(const Item& item, c10::Device device) {
    const c10::ScalarType dtype = item.dtype == Dtype::kDouble ? c10::kDouble : c10::kFloat;
    return at::from_blob(item.state[0], {item.numel}, at::TensorOptions().dtype(dtype).device(device));
  }
  void save(const at::Tensor& tensor) { saved_.push_back({tensor, tensor.clone()}); }

  std::vector<std::pair<at::Tensor, at::Tensor>> saved_;
};

cudaStream_t stream_of(c10::Device device) { return c10::cuda::getCurrentCUDAStream(device.index()).stream(); }

class CudaDriver : public Driver {
 public:
  explicit CudaDriver(c10::Device device) : device_(device), memory_(device) {}

  Outcome step(State& state, const Custom& custom) override {
    const c10::cuda::CUDAGuard guard(device_);
    // Noticed late, so that nobody waits: the steps between have been skipped as well.
    if (*mirror_.host() > state.settings.max_consecutive_skips) {
      pull(state);
      // The next step may find better gradients.
      *mirror_.host() = 0;
      return Outcome::kTooManySkips;
    }
    const cudaStream_t stream = stream_of(device_);
    const bool captured = cuda::capturing(stream);
    if (captured) require_capturable(state);
    send(state, stream);
    Run run(*this, state, custom, stream);
    const Outcome outcome = asks(state) ? undoing(state, run) : run();
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    if (captured) {
      captured_ = true;
    } else {
      memory_.stepped();
    }
    return outcome;
  }

  bool captured() const override { return captured_; }

  void pull(State& state) override {
    const c10::cuda::CUDAGuard guard(device_);
    memory_.receive(state);
    size_t k = 0;
    for (auto* steps : {&state.pipeline.gradients, &state.pipeline.updates}) {
      for (Step& step : *steps) {
        if (k < plans_.size()) plans_[k++].receive(step.plan);
      }
    }
  }

  Stats stats(const State& state, size_t stage) const override {
    const c10::cuda::CUDAGuard guard(device_);
    const auto to_device = [this](at::Tensor& tensor) { tensor = tensor.to(device_); };
    // What has not been sent yet is the host's.
    Stats stats = stats_of(state, stage);
    for (at::Tensor* tensor :
         {&stats.norm, &stats.coefficient, &stats.threshold, &stats.clipped, &stats.tap, &stats.skipped}) {
      to_device(*tensor);
    }
    if (const PlanCopy* plan = plan_of(state.pipeline, stage)) {
      auto outcome = plan->outcome();
      const bool scalar = scope_of(state.settings, stage) == Scope::kGlobal;
      for (at::Tensor& tensor : outcome) tensor = scalar ? tensor.reshape({}) : tensor;
      std::tie(stats.norm, stats.coefficient, stats.threshold) = std::tie(outcome[0], outcome[1], outcome[2]);
    }
    memory_.tell(stats, stage);
    return stats;
  }

  void push(const State& state) override {
    memory_.replaced();
    *mirror_.host() = state.counters.consecutive;
  }

 private:
  // Whether the user's code takes part in a step.
  static bool asks(const State& state) {
    const auto& stages = state.settings.stages;
    return state.outside || std::any_of(stages.begin(), stages.end(), [](const Stage& stage) {
             return std::holds_alternative<CustomClip>(stage.clipper);
           });
  }
  template <class Run>
  Outcome undoing(const State& state, Run& run) {
    Undo undo(memory_, state, device_);
    try {
      return run();
    } catch (...) {
      undo();
      *mirror_.host() = memory_.read_control().consecutive;
      throw;
    }
  }

  // Sends what has changed since the last step.
  void send(State& state, cudaStream_t stream) {
    Pipeline& pipeline = state.pipeline;
    plans_.resize(pipeline.gradients.size() + pipeline.updates.size());
    std::vector<const Plan*> of_stage;
    for (size_t k = 0; k < state.settings.stages.size(); ++k) of_stage.push_back(&pipeline.plan_of(k));
    memory_.prepare(state, of_stage);
    groups_.send(state.groups, device_, stream);
    std::vector<void*> gradients;
    for (const Item& item : pipeline.gradients.front().plan.items) gradients.push_back(item.grad);
    gradients_.send(gradients, device_, stream);
    size_t k = 0;
    for (auto* steps : {&pipeline.gradients, &pipeline.updates}) {
      for (const Step& step : *steps) {
        PlanCopy& copy = plans_[k++];
        if (generation_ != pipeline.generation) {
          copy.send(step.plan, memory_.resident(step.plan.items), state.groups, visitor_of(state).has_value(), device_);
        }
        Moving moving;
        if (&step == &pipeline.gradients.front()) moving.grad = gradients_.data();
        if (&step == &pipeline.gradients.back()) moving.out = gradients_.data();
        if (steps == &pipeline.updates && pipeline.gradients.size() == 1) moving.source = gradients_.data();
        copy.follow(moving);
      }
    }
    generation_ = pipeline.generation;
  }

  // What decides about units in one visit, where nothing has to be known of all gradients before.
  static std::optional<UnitClip> visitor_of(const State& state) {
    const Pipeline& pipeline = state.pipeline;
    const int stage = pipeline.gradients.front().stage;
    const Policy policy = state.settings.policy;
    if (pipeline.gradients.size() > 1 || !pipeline.updates.empty() || stage < 0) return {};
    if (policy != Policy::kPropagate && policy != Policy::kZero) return {};
    const Stage& only = state.settings.stages[size_t(stage)];
    return only.tap > 0 ? std::nullopt : unit_clip(only.clipper);
  }

  // A graph takes its steps without the host.
  void require_capturable(const State& state) const {
    const auto refuse = [](const char* why) {
      throw Error("ERR_STATE", std::string("a graph cannot capture a step ") + why);
    };
    if (state.settings.policy == Policy::kError && !state.scaled()) refuse("with nonFinite 'error', which waits");
    if (state.outside) refuse("that is computed outside the engine");
    if (asks(state)) refuse("with a custom clipper, which the host is asked about");
  }

  const PlanCopy* plan_of(const Pipeline& pipeline, size_t stage) const {
    if (plans_.empty() || generation_ != pipeline.generation) return nullptr;
    size_t k = 0;
    for (const auto* steps : {&pipeline.gradients, &pipeline.updates}) {
      for (const Step& step : *steps) {
        if (step.stage == int(stage)) return &plans_[k];
        ++k;
      }
    }
    return &plans_.front();
  }

  // One step, all of it on the current stream.
  class Run {
   public:
    Run(CudaDriver& driver, State& state, const Custom& custom, cudaStream_t stream)
        : driver_(driver),
          state_(state),
          custom_(custom),
          stream_(stream),
          intake_{state.settings.policy == Policy::kZero && !state.scaled()},
          visitor_(state.scaled() || state.outside ? std::nullopt : visitor_of(state)) {
      if (!state.scaled()) return;
      const auto options = at::TensorOptions().device(driver.device_);
      inverse_ = state.scaling.inverse.to(options.dtype(c10::kDouble), /*non_blocking=*/true);
      intake_.unscale = inverse_.const_data_ptr<double>();
      state.scaling.found = at::empty({}, options.dtype(c10::kFloat));
    }

    Outcome operator()() {
      auto& gradients = state_.pipeline.gradients;
      auto& updates = state_.pipeline.updates;
      for (size_t k = 0; k < gradients.size(); ++k) {
        decide(gradients[k], driver_.plans_[k], k == 0, k + 1 == gradients.size(), false);
        if (k == 0 && state_.settings.policy == Policy::kError && !state_.scaled() &&
            driver_.memory_.read_control().skip != 0) {
          return Outcome::kNonfinite;
        }
        // What has been stored has been through it.
        if (gradients[k].materialise) intake_ = {};
      }
      const PlanCopy& last = driver_.plans_[gradients.size() - 1];
      if (state_.outside) {
        // What is computed there depends on whether the step is taken: this waits.
        if (driver_.memory_.read_control().skip != 0) return Outcome::kSkipped;
        for (cuda::Run run : last.runs()) {
          run.rule = place_of<Gather>(Rules{});
          update(job(last, intake_), run);
        }
        state_.outside();
      }
      measure(gradients.back().plan, last);
      if (updates.empty()) {
        update_all(last);
        if (state_.settings.write_back) each(job(last, intake_), last, clip);
        return Outcome::kStepped;
      }
      each(job(last, intake_), last, propose);
      const Intake source = std::exchange(intake_, {});
      for (size_t k = 0; k < updates.size(); ++k)
        decide(updates[k], driver_.plans_[gradients.size() + k], false, false, true);
      const PlanCopy& final = driver_.plans_.back();
      Job settling = job(final, {});
      settling.pass.source = source;
      settling.pass.moments = measured_ ? last.view().moments : nullptr;
      settling.pass.counts = last.view().counts;
      each(settling, final, settle);
      if (state_.settings.write_back) each(job(last, source), last, clip);
      return Outcome::kStepped;
    }

   private:
    Job job(const PlanCopy& plan, const Intake& intake) const {
      Job job{plan.pass(), driver_.memory_.control(), stream_};
      job.pass.groups = driver_.groups_.data();
      job.pass.intake = intake;
      if (measured_) {
        job.pass.moments = plan.view().moments;
        job.pass.counts = plan.view().counts;
      }
      return job;
    }

    static void each(const Job& job, const PlanCopy& plan, void (*start)(const Job&, const cuda::Run&)) {
      for (const cuda::Run& run : plan.runs()) start(job, run);
    }
    // From the end, as each run goes through its chunks: the gradients that the norm has read last are still in the
    // cache.
    void update_all(const PlanCopy& plan) const {
      const Job updating = job(plan, intake_);
      for (size_t k = plan.runs().size(); k-- > 0;) {
        const cuda::Run& run = plan.runs()[k];
        if (visits(run)) {
          visit(updating, run, verdict_, *visitor_);
        } else {
          update(updating, run);
        }
      }
    }
    bool visits(const cuda::Run& run) const { return visitor_ && run.visited; }

    // Norms, the decision, and what is left of the gradients where the next step needs it stored.
    void decide(Step& step, PlanCopy& plan, bool first, bool advances, bool advanced) {
      const Settings& settings = state_.settings;
      const Stage* stage = step.stage < 0 ? nullptr : &settings.stages[size_t(step.stage)];
      Verdict v{};
      v.plan = plan.view();
      v.groups = driver_.groups_.data();
      v.control = driver_.memory_.control();
      v.mirror = driver_.mirror_.device();
      v.first = first;
      v.intake = intake_;
      if (first && state_.scaled()) v.found = state_.scaling.found.mutable_data_ptr<float>();
      v.skips = state_.refuses_nonfinite();
      v.counts = settings.policy == Policy::kSkip;
      v.advances = advances;
      v.advanced = advanced;
      v.visits = visitor_.has_value();
      v.order = stage == nullptr ? kNoStatistic : order_of(stage->clipper);
      // The test for what is not finite is a norm, too.
      if (first && v.skips && v.order == kNoStatistic) v.order = 2;
      v.weights = stage != nullptr && std::visit([](const auto& c) { return c.kWeights; }, stage->clipper);
      if (stage != nullptr) {
        v.memory = driver_.memory_.stage(size_t(step.stage), *stage);
        v.coin = stage->coin;
      }
      verdict_ = v;
      if (v.order != kNoStatistic) reduce_all(plan, v);
      if (v.count() > kFewUnits && v.order != kNoStatistic) finish_units(v, stream_);
      if (stage == nullptr) {
        decide_plain(v, false, stream_);
      } else if (std::holds_alternative<CustomClip>(stage->clipper)) {
        ask(step, plan, v);
      } else {
        cuda::decide(v, stage->clipper, stream_);
      }
      if (!step.materialise) return;
      const Job clipping = job(plan, intake_);
      const auto* spam = stage == nullptr ? nullptr : std::get_if<SpamClip>(&stage->clipper);
      for (const cuda::Run& run : plan.runs()) {
        if (spam != nullptr) {
          clip_elements(clipping, run, *spam, v.memory.numbers);
        } else {
          clip(clipping, run);
        }
      }
    }

    void reduce_all(const PlanCopy& plan, const Verdict& v) const {
      Job reducing = job(plan, intake_);
      reducing.pass.order = v.order;
      reducing.pass.weight_partial = v.plan.weight_partials;
      for (const cuda::Run& run : plan.runs()) {
        if (visits(run)) continue;
        if (v.weights) {
          weigh(reducing, run);
        } else {
          reduce(reducing, run, order_of(v.order));
        }
      }
    }

    // The user's own clipper is a function on the host: this waits for the norms.
    void ask(Step& step, PlanCopy& plan, Verdict v) {
      Verdict scan = v;
      scan.advances = false;
      if (v.count() <= kFewUnits) finish_units(scan, stream_);
      step.plan.norms = plan.norms();
      const bool asks = !v.skips || std::all_of(step.plan.norms.begin(), step.plan.norms.end(),
                                                [](double norm) { return finite(norm); });
      if (asks) plan.choose(custom_(size_t(step.stage), step.plan), driver_.device_);
      v.order = kNoStatistic;
      decide_plain(v, true, stream_);
    }

    void measure(const Plan& plan, const PlanCopy& copy) {
      const auto& groups = state_.groups;
      measured_ = std::any_of(plan.items.begin(), plan.items.end(),
                              [&](const Item& item) { return rule_info(groups[size_t(item.group)].rule).moments > 0; });
      if (!measured_) return;
      // Rules that ask must not be told what nobody has measured yet.
      Job measuring = job(copy, intake_);
      measuring.pass.moments = nullptr;
      each(measuring, copy, cuda::measure);
      finish_moments(copy.view(), driver_.groups_.data(), driver_.memory_.control(), stream_);
    }

    CudaDriver& driver_;
    State& state_;
    const Custom& custom_;
    cudaStream_t stream_;
    at::Tensor inverse_;
    Intake intake_;  // of the gradients as they are at this point of the step
    std::optional<UnitClip> visitor_;
    Verdict verdict_{};  // the last one
    bool measured_ = false;
  };

  c10::Device device_;
  Mirror mirror_;
  MemoryCopy memory_;
  StepValues<Group> groups_;
  StepValues<void*> gradients_;
  std::vector<PlanCopy> plans_;
  uint64_t generation_ = 0;
  bool captured_ = false;
};

}  // namespace

bool capturing(c10::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  return capturing(stream_of(device));
}

std::unique_ptr<Driver> make_driver(c10::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  return std::make_unique<CudaDriver>(device);
}

}  // namespace tc::optim::cuda
