#include "optim/cpu/driver.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <algorithm>

#include "optim/cpu/elements.h"
#include "optim/cpu/kernels.h"
#include "optim/cpu/placement.h"
#include "optim/rule/info.h"

namespace tc::optim::cpu {
namespace {

// Below this many elements waking the threads costs more than they save, in however many tensors they lie: with ten
// thousand tensors of one element two threads take twice as long as one.
constexpr int64_t kSerial = 131072;

// The widest instruction set that libtorch found too, so that ATEN_CPU_CAPABILITY governs both.
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

// Calls visit(first, last) on every thread's share of the chunks. Shares depend on the number of threads; what is
// written for a chunk does not.
template <class F>
void for_chunks(const Plan& plan, const F& visit) {
  const int64_t count = plan.chunks.size();
  const int64_t total = plan.cost.back();
  const bool serial = total - kOverhead * count < kSerial;
  const int64_t threads = serial ? 1 : std::min<int64_t>(at::get_num_threads(), count);
  if (threads <= 1) return visit(int64_t{0}, count);
  const auto cut = [&](int64_t thread) {
    const double target = double(total) * thread / threads;
    return std::lower_bound(plan.cost.begin(), plan.cost.end(), target) - plan.cost.begin();
  };
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) { visit(cut(begin), cut(end)); });
}

// Hands runs of chunks that take the same kernel to it.
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
bool finish(const Plan& plan, double p, double factor, std::vector<double>& norms) {
  bool all_finite = finite(factor);
  for (size_t u = 0; u < norms.size(); ++u) {
    const Partial total = tree<kOrder>(plan.partials.data() + plan.unit[u], plan.unit[u + 1] - plan.unit[u], p);
    all_finite = all_finite && total.all_finite();
    norms[u] = factor * norm<kOrder>(total, p);
  }
  return all_finite;
}

bool reduce(Plan& plan, double p, const Intake& intake, bool of_parameters, std::vector<double>& norms) {
  Pass pass = pass_of(plan);
  pass.partial = plan.partials.data();
  pass.order = p;
  pass.of_parameters = of_parameters;
  pass.intake = intake;
  const Order order = order_of(p);
  const auto& table = kernels().reduce[int(order)];
  for_chunks(plan, [&](int64_t first, int64_t last) {
    run(pass, first, last, [&](const Item& item) { return table[int(of_parameters ? item.param_dtype : item.dtype)]; });
  });
  switch (order) {
    case Order::kOne:
      return finish<Order::kOne>(plan, p, intake.factor(), norms);
    case Order::kTwo:
      return finish<Order::kTwo>(plan, p, intake.factor(), norms);
    case Order::kAny:
      return finish<Order::kAny>(plan, p, intake.factor(), norms);
    case Order::kInf:
      return finish<Order::kInf>(plan, p, intake.factor(), norms);
  }
  return false;
}

double sum(const double* terms, int64_t count) {
  if (count == 1) return *terms;
  const int64_t half = count / 2;
  return sum(terms, half) + sum(terms + half * kMaxMoments, count - half);
}

// Adds up what rules want to know of all elements before they move one.
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
    run(pass, first, last,
        [&](const Item& item) { return kernels().measure[groups[item.group].rule][int(item.dtype)]; });
  });

  // A tree over each tensor's chunks, then, where the rule looks at everything, over the tensors in order.
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

}  // namespace

bool reduce(Plan& plan, double p, const Intake& intake) { return reduce(plan, p, intake, false, plan.norms); }

void reduce_parameters(Plan& plan) { reduce(plan, 2, {}, true, plan.weight_norms); }

void clip(const Plan& plan, const Intake& intake) {
  Pass pass = pass_of(plan);
  pass.intake = intake;
  const auto& table = kernels().clip;
  for_chunks(plan, [&](int64_t first, int64_t last) {
    run(pass, first, last, [&](const Item& item) { return table[int(item.dtype)]; });
  });
}

void clip_elements(const Plan& plan, const Intake& intake, const SpamClip& clipper, double start) {
  Pass pass = pass_of(plan);
  pass.intake = intake;
  for_chunks(plan, [&](int64_t first, int64_t last) {
    for (int64_t c = first; c < last; ++c) {
      elements::clip[int(pass.items[pass.chunks[c].item].dtype)](pass, c, clipper, start);
    }
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

void update(Plan& plan, const Group* groups, const Intake& intake, bool write_back) {
  measure(plan, groups, intake);
  Pass pass = pass_of(plan, groups);
  pass.intake = intake;
  const auto& table = kernels();
  const auto rule = [&](const Item& item) { return table.apply[groups[item.group].rule][int(item.dtype)]; };
  const auto clip = [&](const Item& item) { return table.clip[int(item.dtype)]; };
  for_chunks(plan, [&](int64_t first, int64_t last) {
    if (!write_back) return run(pass, first, last, rule);
    // A chunk at a time: the gradient is still in the cache when it is written.
    for (int64_t c = first; c < last; ++c) {
      run(pass, c, c + 1, rule);
      run(pass, c, c + 1, clip);
    }
  });
}

void propose(Plan& plan, const Group* groups, const Intake& intake) {
  measure(plan, groups, intake);
  Pass pass = pass_of(plan, groups);
  pass.intake = intake;
  for_chunks(plan, [&](int64_t first, int64_t last) {
    run(pass, first, last,
        [&](const Item& item) { return placement::kernels.propose[groups[item.group].rule][int(item.param_dtype)]; });
  });
}

void settle(const Plan& updates, const Plan& gradients, const Group* groups, const Intake& intake) {
  Pass pass = pass_of(updates, groups);
  pass.source = intake;
  pass.moments = gradients.moments.empty() ? nullptr : gradients.moments.data();
  pass.counts = gradients.counts.data();
  for_chunks(updates, [&](int64_t first, int64_t last) {
    run(pass, first, last,
        [&](const Item& item) { return placement::kernels.settle[groups[item.group].rule][int(item.param_dtype)]; });
  });
}

}  // namespace tc::optim::cpu
