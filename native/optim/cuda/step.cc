#include "optim/cuda/step.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "optim/clip/traits.h"
#include "optim/rule/info.h"

namespace tc::optim::cuda {
namespace {

class CudaStep {
 public:
  CudaStep(Residence& residence, State& state, const Request& request)
      : residence_(residence),
        state_(state),
        request_(request),
        intake_{state.settings.policy == Policy::kZero && !request.scaled()},
        visitor_(request.scaled() || request.outside || residence.spread() ? std::nullopt : visitor_of(state)) {
    if (!request.scaled()) return;
    for (const Site& site : residence.sites) {
      inverse_.push_back(request.inverse.to(at::TensorOptions(site.device).dtype(c10::kDouble), /*non_blocking=*/true));
    }
    intake_.unscale = inverse_.front().const_data_ptr<double>();
    found_ = at::empty({}, at::TensorOptions(home().device).dtype(c10::kFloat));
  }

  Taken operator()() {
    const Outcome outcome = take();
    return {outcome, found_};
  }

 private:
  Outcome take() {
    const auto gradients = state_.pipeline.gradients();
    const auto updates = state_.pipeline.updates();
    for (size_t k = 0; k < gradients.size(); ++k) {
      decide(gradients[k], k, k == 0, k + 1 == gradients.size(), false);
      if (k == 0 && state_.settings.policy == Policy::kError && !request_.scaled() &&
          residence_.memory.read_control().skip != 0) {
        return Outcome::kNonfinite;
      }
      // Stored gradients have passed through the intake.
      if (gradients[k].materialise) intake_ = {};
    }
    const size_t last = gradients.size() - 1;
    if (request_.outside) {
      // The computation outside depends on whether the step is taken, so this waits.
      if (residence_.memory.read_control().skip != 0) return Outcome::kSkipped;
      each(last, intake_, [](const Job& job, cuda::Launch launch) {
        launch.rule = rule_index<Gather>(Rules{});
        update(job, launch);
      });
      request_.outside();
    }
    measure(gradients.back().plan, last);
    if (updates.empty()) {
      update_all(last);
      if (state_.settings.write_back) each(last, intake_, clip);
      return Outcome::kStepped;
    }
    each(last, intake_, propose);
    const Intake source = std::exchange(intake_, {});
    for (size_t k = 0; k < updates.size(); ++k) decide(updates[k], last + 1 + k, false, false, true);
    everywhere([&](const Site& site) {
      const PlanCopy& final = site.plans.back();
      Job settling = job(site, final, {});
      settling.pass.source = at_site(source, site);
      settling.pass.rules = site.plans[last].view().rules;
      settling.pass.moments = measured_ ? site.plans[last].view().moments : nullptr;
      settling.pass.counts = site.plans[last].view().counts;
      for (const cuda::Launch& launch : final.launches()) settle(settling, launch);
    });
    if (state_.settings.write_back) each(last, source, clip);
    return Outcome::kStepped;
  }

  Site& home() const { return residence_.home(); }

  template <class F>
  void everywhere(const F& f) const {
    for (const Site& site : residence_.sites) {
      const c10::cuda::CUDAGuard guard(site.device);
      f(site);
    }
  }

  // The intake, with addresses on that device.
  Intake at_site(Intake intake, const Site& site) const {
    const auto of_site = [&](const Site& other) { return &other == &site; };
    const auto at = std::find_if(residence_.sites.begin(), residence_.sites.end(), of_site) - residence_.sites.begin();
    if (intake.unscale != nullptr) intake.unscale = inverse_[size_t(at)].const_data_ptr<double>();
    return intake;
  }

  Job job(const Site& site, const PlanCopy& plan, const Intake& intake) const {
    Job job{plan.pass(), residence_.control(site), site.stream()};
    job.pass.groups = site.groups.data();
    job.pass.intake = at_site(intake, site);
    if (measured_) {
      job.pass.moments = plan.view().moments;
      job.pass.counts = plan.view().counts;
    }
    return job;
  }

  // Starts kernels over all gradients, or updates, of the kth plan.
  template <class F>
  void each(size_t k, const Intake& intake, const F& f) const {
    everywhere([&](const Site& site) {
      const Job of_site = job(site, site.plans[k], intake);
      for (const cuda::Launch& launch : site.plans[k].launches()) f(of_site, launch);
    });
  }

  // In reverse, as each launch visits its chunks: the gradients that the norm read last are still in the cache.
  void update_all(size_t k) const {
    everywhere([&](const Site& site) {
      const Job updating = job(site, site.plans[k], intake_);
      const auto& launches = site.plans[k].launches();
      for (auto launch = launches.rbegin(); launch != launches.rend(); ++launch) {
        if (visits(*launch)) {
          visit(updating, *launch, verdict_, *visitor_);
        } else {
          update(updating, *launch);
        }
      }
    });
  }
  bool visits(const cuda::Launch& launch) const { return visitor_ && launch.visited; }

  // Norms, the decision, and what is left of the gradients where the next stage needs it stored.
  void decide(StagePlan& current, size_t k, bool first, bool advances, bool advanced) {
    const Settings& settings = state_.settings;
    const Stage* const stage = current.stage;
    StageMemoryCopies& memory = residence_.memory;
    PlanCopy& plan = home().plans[k];
    const cudaStream_t stream = home().stream();
    Verdict v{};
    v.plan = plan.view();
    v.groups = home().groups.data();
    v.control = memory.control().data();
    v.mirror = residence_.mirror.on_device();
    v.first = first;
    v.intake = intake_;
    if (first && request_.scaled()) v.found = found_.mutable_data_ptr<float>();
    v.skips = state_.refuses_nonfinite(request_);
    v.counts = settings.policy == Policy::kSkip;
    v.advances = advances;
    v.advanced = advanced;
    v.visits = visitor_.has_value();
    v.order = stage == nullptr ? kNoStatistic : order_of(stage->clipper);
    // The test for non-finite gradients is a norm, too.
    if (first && v.skips && v.order == kNoStatistic) v.order = 2;
    v.weights = stage != nullptr && looks_at_weights(stage->clipper);
    if (stage != nullptr) {
      v.memory = memory.stage(current.index, *stage);
      v.coin = stage->coin;
    }
    verdict_ = v;
    if (v.order != kNoStatistic) reduce_all(k, v);
    {
      const c10::cuda::CUDAGuard guard(home().device);
      if (v.count() > kFewUnits && v.order != kNoStatistic) finish_units(v, stream);
      if (stage == nullptr) {
        decide_plain(v, false, stream);
      } else if (asks_host(stage->clipper)) {
        ask(current, plan, v);
      } else {
        cuda::decide(v, stage->clipper, stream);
      }
    }
    const bool by_element = stage != nullptr && acts_on_elements(stage->clipper);
    spread(k, current.index, by_element, advances);
    if (!current.materialise) return;
    everywhere([&](const Site& site) {
      const Job clipping = job(site, site.plans[k], intake_);
      const double* const numbers = &site == &home() ? v.memory.numbers : site.numbers.data();
      for (const cuda::Launch& launch : site.plans[k].launches()) {
        if (by_element) {
          clip_elements(clipping, launch, stage->clipper, numbers);
        } else {
          clip(clipping, launch);
        }
      }
    });
  }

  void reduce_all(size_t k, const Verdict& v) const {
    everywhere([&](const Site& site) {
      const PlanCopy& plan = site.plans[k];
      Job reducing = job(site, plan, intake_);
      reducing.pass.order = v.order;
      reducing.pass.weight_partial = plan.view().weight_partials;
      for (const cuda::Launch& launch : plan.launches()) {
        if (visits(launch)) continue;
        if (v.weights) {
          weigh(reducing, launch);
        } else {
          reduce(reducing, launch, order_of(v.order));
        }
      }
    });
    for (const Site& site : residence_.sites) {
      if (&site != &home()) home().plans[k].take_partials(site.plans[k], v.weights);
    }
  }

  // Sends the decision to the other devices.
  void spread(size_t k, size_t stage, bool numbers, bool rules) {
    const StageMemoryCopies& memory = residence_.memory;
    for (Site& site : residence_.sites) {
      if (&site == &home()) continue;
      site.plans[k].follow_decision(home().plans[k]);
      site.control.follow(memory.control(), site.device);
      site.counts.follow(memory.counts(), site.device);
      site.scalars.follow(memory.scalars(), site.device);
      if (rules) site.plans[k].follow_rules(home().plans[k]);
      if (numbers) site.numbers.follow(memory.numbers(stage), site.device);
    }
  }

  // The user's clipper is a function on the host, so this waits for the norms.
  void ask(StagePlan& current, PlanCopy& plan, Verdict v) {
    Verdict scan = v;
    scan.advances = false;
    if (v.count() <= kFewUnits) finish_units(scan, home().stream());
    current.plan.norms = plan.norms();
    const bool asks = !v.skips || std::all_of(current.plan.norms.begin(), current.plan.norms.end(),
                                              [](double norm) { return finite(norm); });
    if (asks) plan.choose(request_.custom(current.index, current.plan));
    v.order = kNoStatistic;
    decide_plain(v, true, home().stream());
  }

  // Adds up what rules need to know of all elements before they change any.
  void measure(const Plan& plan, size_t k) {
    const auto some = [&](const auto& holds) {
      return std::any_of(plan.items.begin(), plan.items.end(),
                         [&](const Item& item) { return holds(rule_info(state_.groups[size_t(item.group)].rule)); });
    };
    measured_ = some([](const RuleInfo& rule) { return rule.moments > 0; });
    if (!measured_) return;
    const bool everything = some([](const RuleInfo& rule) { return rule.over == Over::kEverything; });
    everywhere([&](const Site& site) {
      Job measuring = job(site, site.plans[k], intake_);
      // The moments have not been measured yet, so rules must not use them.
      measuring.pass.moments = nullptr;
      for (const cuda::Launch& launch : site.plans[k].launches()) cuda::measure(measuring, launch);
    });
    PlanCopy& at_home = home().plans[k];
    for (const Site& site : residence_.sites) {
      if (&site != &home()) at_home.take_terms(site.plans[k]);
    }
    {
      const c10::cuda::CUDAGuard guard(home().device);
      const Control* const control = residence_.memory.control().data();
      finish_moments(at_home.view(), home().groups.data(), control, everything, home().stream());
    }
    for (Site& site : residence_.sites) {
      if (&site != &home()) site.plans[k].follow_moments(at_home);
    }
  }

  Residence& residence_;
  State& state_;
  const Request& request_;
  std::vector<at::Tensor> inverse_;  // the scaler's, on each device
  at::Tensor found_;                 // its answer
  Intake intake_;  // of the gradients as they are at this point of the step, with the home's addresses
  std::optional<UnitClip> visitor_;
  Verdict verdict_{};  // the last one
  bool measured_ = false;
};

}  // namespace

std::optional<UnitClip> visitor_of(const State& state) {
  const Pipeline& pipeline = state.pipeline;
  const Stage* const only = pipeline.all.front().stage;
  const Policy policy = state.settings.policy;
  if (pipeline.all.size() > 1 || only == nullptr) return {};
  if (policy != Policy::kPropagate && policy != Policy::kZero) return {};
  return only->tap > 0 ? std::nullopt : UnitClip::of(only->clipper);
}

Taken take_step(Residence& residence, State& state, const Request& request) {
  return CudaStep(residence, state, request)();
}

}  // namespace tc::optim::cuda
