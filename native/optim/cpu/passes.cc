#include "optim/cpu/passes.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <algorithm>

#include "optim/cpu/elements.h"
#include "optim/cpu/kernels.h"
#include "optim/cpu/proposal.h"
#include "optim/rule/info.h"

namespace tc::optim::cpu {
namespace {

// Below this many elements, waking the threads costs more than they save, however many tensors there are: with ten
// thousand tensors of one element, two threads take twice as long as one.
constexpr int64_t kSerial = 131072;

// The widest instruction set that libtorch uses as well, so that ATEN_CPU_CAPABILITY governs both.
const Kernels& choose() {
#if defined(__x86_64__)
  const std::string capability = at::get_cpu_capability();
  if (capability == "AVX512") return avx512::kernels;
  if (capability == "AVX2") return avx2::kernels;
#endif
  return portable::kernels;
}

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

template <class F>
void for_run(const Plan& plan, Run run, const F& visit, bool whole_units) {
  const int64_t count = run.last - run.first;
  const int64_t before = plan.cost[run.first], total = plan.cost[run.last] - before;
  const bool serial = total - kOverhead * count < kSerial;
  const int64_t threads = serial ? 1 : std::min<int64_t>(at::get_num_threads(), count);
  if (threads <= 1) return visit(run.first, run.last);
  const auto cut = [&](int64_t thread) {
    const double target = double(before) + double(total) * thread / threads;
    const auto begin = plan.cost.begin() + run.first, end = plan.cost.begin() + run.last + 1;
    int64_t c = std::lower_bound(begin, end, target) - plan.cost.begin();
    while (whole_units && c > run.first && c < run.last && plan.chunks[c].unit == plan.chunks[c - 1].unit) ++c;
    return c;
  };
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) { visit(cut(begin), cut(end)); });
}

// Calls visit(first, last) for every thread's share of the chunks. Shares depend on the number of threads; what is
// written for a chunk does not.
template <class F>
void for_chunks(const Plan& plan, const F& visit, bool whole_units = false) {
  for (const Run& run : plan.visited) for_run(plan, run, visit, whole_units);
}

template <class F>
void for_chunks(const Plan& plan, const F& visit, const Updated& updated) {
  for (const Run& run : plan.visited) {
    for_run(plan, run, visit, false);
    if (updated && run.last > run.first) updated(size_t(plan.chunks[size_t(run.last - 1)].item) + 1);
  }
}

// Hands each kernel runs of consecutive chunks that use it.
template <class Pick>
void run(const Pass& pass, int64_t first, int64_t last, const Pick& pick) {
  const auto kernel_of = [&](int64_t c) { return pick(pass.items[pass.chunks[c].item]); };
  while (first < last) {
    const Kernel kernel = kernel_of(first);
    int64_t next = first + 1;
    while (next < last && kernel_of(next) == kernel) ++next;
    kernel(pass, first, next);
    first = next;
  }
}

Pass pass_of(const Plan& plan) {
  Pass pass{};
  pass.items = plan.items.data();
  pass.chunks = plan.chunks.data();
  pass.coefficient = plan.coefficients.data();
  pass.limit = plan.limits.data();
  return pass;
}

Pass pass_of(const Plan& plan, const Group* groups) {
  Pass pass = pass_of(plan);
  pass.groups = groups;
  pass.moments = plan.moments.empty() ? nullptr : plan.moments.data();
  pass.counts = plan.counts.data();
  return pass;
}

// A balanced tree over the chunks: its shape depends on their number alone.
template <Order kOrder>
Partial tree(const Partial* partials, int64_t count, double p) {
  if (count == 0) return {};
  if (count == 1) return *partials;
  const int64_t half = count / 2;
  return combine<kOrder>(tree<kOrder>(partials, half, p), tree<kOrder>(partials + half, count - half, p), p);
}

template <Order kOrder>
bool finish(const Plan& plan, double p, double factor, std::vector<double>& norms, size_t first, size_t last) {
  bool all_finite = finite(factor);
  for (size_t u = first; u < last; ++u) {
    const Partial total = tree<kOrder>(plan.partials.data() + plan.unit[u], plan.unit[u + 1] - plan.unit[u], p);
    all_finite = all_finite && total.all_finite();
    norms[u] = factor * norm<kOrder>(total, p);
  }
  return all_finite;
}

// A p-norm of the gradients, or of the parameters.
class Reduction {
 public:
  Reduction(Plan& plan, double p, const Intake& intake, bool of_parameters)
      : plan_(plan),
        pass_(pass_of(plan)),
        p_(p),
        factor_(intake.factor()),
        norms_(of_parameters ? plan.weight_norms : plan.norms) {
    pass_.partial = plan.partials.data();
    pass_.order = p;
    pass_.of_parameters = of_parameters;
    pass_.intake = intake;
  }

  void add(int64_t first, int64_t last) const {
    const auto& table = kernels().reduce[int(order_of(p_))];
    run(pass_, first, last,
        [&](const Item& item) { return table[pass_.of_parameters ? item.param_dtype : item.dtype]; });
  }
  // For units whose chunks have been added. Returns false if an element is not finite.
  bool finish(size_t first, size_t last) const {
    return for_order(order_of(p_),
                     [&]<Order kOrder>() { return cpu::finish<kOrder>(plan_, p_, factor_, norms_, first, last); });
  }
  bool operator()() const {
    for_chunks(plan_, [this](int64_t first, int64_t last) { add(first, last); });
    plan_.exchange(plan_.partials.data(), sizeof(Partial));
    return finish(0, norms_.size());
  }

 private:
  Plan& plan_;
  Pass pass_;
  double p_;
  double factor_;
  std::vector<double>& norms_;
};

double sum(const double* terms, int64_t count) {
  if (count == 1) return *terms;
  const int64_t half = count / 2;
  return sum(terms, half) + sum(terms + half * kMaxMoments, count - half);
}

// Adds up what rules need to know of all elements before they change any.
void measure(Plan& plan, const Group* groups, const Intake& intake) {
  const auto rule_of = [&](const Item& item) -> const RuleInfo& { return rule_info(groups[item.group].rule); };
  const auto asks = [&](const Item& item) { return rule_of(item).moments > 0; };
  if (std::none_of(plan.items.begin(), plan.items.end(), asks)) return plan.moments.clear();
  plan.terms.assign(plan.chunks.size() * kMaxMoments, 0);
  plan.moments.assign(plan.items.size() * kMaxMoments, 0);
  plan.counts.assign(plan.items.size(), 0);
  Pass pass = pass_of(plan);
  pass.groups = groups;
  pass.intake = intake;
  pass.terms = plan.terms.data();
  for_chunks(plan, [&](int64_t first, int64_t last) {
    run(pass, first, last, [&](const Item& item) { return kernels().measure[groups[item.group].rule][item.dtype]; });
  });

  plan.exchange(plan.terms.data(), kMaxMoments * sizeof(double));
  // A tree over each tensor's chunks; then, if the rule looks at everything, a sum over the tensors in order.
  for (size_t c = 0; c < plan.chunks.size();) {
    const size_t i = size_t(plan.chunks[c].item);
    size_t end = c;
    while (end < plan.chunks.size() && plan.chunks[end].item == int32_t(i)) ++end;
    for (int m = 0; m < rule_of(plan.items[i]).moments; ++m) {
      plan.moments[i * kMaxMoments + m] = sum(plan.terms.data() + c * kMaxMoments + m, int64_t(end - c));
    }
    plan.counts[i] = plan.items[i].numel;
    c = end;
  }
  double total[Rules::kCount][kMaxMoments] = {};
  int64_t count[Rules::kCount] = {};
  for (size_t i = 0; i < plan.items.size(); ++i) {
    const int32_t rule = groups[plan.items[i].group].rule;
    count[rule] += plan.counts[i];
    for (int m = 0; m < kMaxMoments; ++m) total[rule][m] += plan.moments[i * kMaxMoments + m];
  }
  for (size_t i = 0; i < plan.items.size(); ++i) {
    const int32_t rule = groups[plan.items[i].group].rule;
    if (rule_info(rule).over != Over::kEverything) continue;
    plan.counts[i] = count[rule];
    std::copy_n(total[rule], kMaxMoments, plan.moments.begin() + int64_t(i * kMaxMoments));
  }
}

// Clips and updates, and writes the clipped gradient back if asked to.
class Update {
 public:
  Update(const Plan& plan, const Group* groups, const Intake& intake, bool write_back)
      : pass_(pass_of(plan, groups)), write_back_(write_back) {
    pass_.intake = intake;
  }

  void operator()(int64_t first, int64_t last) const {
    const auto& table = kernels();
    const auto rule = [&](const Item& item) { return table.apply[pass_.groups[item.group].rule][item.dtype]; };
    const auto clip = [&](const Item& item) { return table.clip[item.dtype]; };
    if (!write_back_) return run(pass_, first, last, rule);
    // One chunk at a time, so that the gradient is still in the cache when it is written.
    for (int64_t c = first; c < last; ++c) {
      run(pass_, c, c + 1, rule);
      run(pass_, c, c + 1, clip);
    }
  }

 private:
  Pass pass_;
  bool write_back_;
};

}  // namespace

bool reduce(Plan& plan, double p, const Intake& intake) { return Reduction(plan, p, intake, false)(); }

void reduce_parameters(Plan& plan) { Reduction(plan, 2, {}, true)(); }

void clip(const Plan& plan, const Intake& intake) {
  Pass pass = pass_of(plan);
  pass.intake = intake;
  const auto& table = kernels().clip;
  for_chunks(plan, [&](int64_t first, int64_t last) {
    run(pass, first, last, [&](const Item& item) { return table[item.dtype]; });
  });
}

void clip_elements(const Plan& plan, const Intake& intake, const Clipper& clipper, const double* numbers) {
  Pass pass = pass_of(plan);
  pass.intake = intake;
  for_chunks(plan, [&](int64_t first, int64_t last) {
    for (int64_t c = first; c < last; ++c) elements::clip(pass, c, clipper, numbers);
  });
}

void advance(Plan& plan, const Group* groups) {
  for (const Item& item : plan.items) {
    if (item.step == nullptr) continue;
    const Group& group = groups[item.group];
    ++*item.step;
    if (const auto move = rule_info(group.rule).advance) move(group.hyper, *item.step, item.scalars);
  }
}

void update(Plan& plan, const Group* groups, const Intake& intake, bool write_back, const Updated& updated) {
  measure(plan, groups, intake);
  const Update update(plan, groups, intake, write_back);
  for_chunks(plan, [&](int64_t first, int64_t last) { update(first, last); }, updated);
}

void update_by_units(Plan& plan, const Group* groups, const Intake& intake, bool write_back, const Visit& visit) {
  // Gradients and parameters of so many elements stay in a core's second-level cache from one pass to the next.
  constexpr int64_t kBlock = 65536;
  plan.moments.clear();
  const Reduction gradients(plan, visit.order, intake, false), parameters(plan, 2, {}, true);
  const Update update(plan, groups, intake, write_back);
  const int64_t count = int64_t(plan.chunks.size());
  const auto unit_at = [&](int64_t c) { return c == count ? plan.norms.size() : size_t(plan.chunks[c].unit); };
  const auto visit_chunks = [&](int64_t first, int64_t last) {
    while (first < last) {
      int64_t end = first + 1;
      while (end < last && (unit_at(end) == unit_at(end - 1) || plan.cost[end] - plan.cost[first] < kBlock)) ++end;
      // Units without elements may lie in between.
      const size_t from = first == 0 ? 0 : unit_at(first), to = unit_at(end);
      if (visit.order != kNoStatistic) {
        gradients.add(first, end);
        gradients.finish(from, to);
      }
      if (visit.weights) {
        parameters.add(first, end);
        parameters.finish(from, to);
      }
      visit.decide(from, to);
      update(first, end);
      first = end;
    }
  };
  for_chunks(plan, visit_chunks, /*whole_units=*/true);
}

void propose(Plan& plan, const Group* groups, const Intake& intake) {
  measure(plan, groups, intake);
  Pass pass = pass_of(plan, groups);
  pass.intake = intake;
  for_chunks(plan, [&](int64_t first, int64_t last) {
    run(pass, first, last,
        [&](const Item& item) { return proposal::kernels.propose[groups[item.group].rule][item.param_dtype]; });
  });
}

void settle(const Plan& updates, const Plan& gradients, const Group* groups, const Intake& intake,
            const Updated& updated) {
  Pass pass = pass_of(updates, groups);
  pass.source = intake;
  pass.moments = gradients.moments.empty() ? nullptr : gradients.moments.data();
  pass.counts = gradients.counts.data();
  for_chunks(
      updates,
      [&](int64_t first, int64_t last) {
        run(pass, first, last,
            [&](const Item& item) { return proposal::kernels.settle[groups[item.group].rule][item.param_dtype]; });
      },
      updated);
}

}  // namespace tc::optim::cpu
