#include "optim/cpu/driver.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <algorithm>

#include "optim/cpu/kernels.h"

namespace tc::optim::cpu {
namespace {

// Below this many elements waking the threads costs more than they save.
constexpr int64_t kSerial = 32768;

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
  const int64_t threads = total < kSerial ? 1 : std::min<int64_t>(at::get_num_threads(), count);
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
  pass.limit = std::numeric_limits<double>::infinity();
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
bool finish(Plan& plan, double p) {
  bool all_finite = true;
  for (size_t u = 0; u < plan.norms.size(); ++u) {
    const Partial total = tree<kOrder>(plan.partials.data() + plan.unit[u], plan.unit[u + 1] - plan.unit[u], p);
    all_finite = all_finite && total.all_finite();
    plan.norms[u] = norm<kOrder>(total, p);
  }
  return all_finite;
}

// Clips every gradient on the way and updates its parameter and state; write_back also stores the clipped gradient.
void apply(const Plan& plan, const Group* groups, double limit, bool zero_nonfinite, bool write_back) {
  Pass pass = pass_of(plan);
  pass.groups = groups;
  pass.limit = limit;
  pass.zero_nonfinite = zero_nonfinite;
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

}  // namespace

bool reduce(Plan& plan, double p, bool zero_nonfinite) {
  Pass pass = pass_of(plan);
  pass.partial = plan.partials.data();
  pass.order = p;
  pass.zero_nonfinite = zero_nonfinite;
  const Order order = order_of(p);
  const auto& table = kernels().reduce[int(order)];
  for_chunks(plan, [&](int64_t first, int64_t last) {
    run(pass, first, last, [&](const Item& item) { return table[int(item.dtype)]; });
  });
  switch (order) {
    case Order::kOne:
      return finish<Order::kOne>(plan, p);
    case Order::kTwo:
      return finish<Order::kTwo>(plan, p);
    case Order::kAny:
      return finish<Order::kAny>(plan, p);
    case Order::kInf:
      return finish<Order::kInf>(plan, p);
  }
  return false;
}

void clip(const Plan& plan, double limit) {
  Pass pass = pass_of(plan);
  pass.limit = limit;
  const auto& table = kernels().clip;
  for_chunks(plan, [&](int64_t first, int64_t last) {
    run(pass, first, last, [&](const Item& item) { return table[int(item.dtype)]; });
  });
}

Outcome step(Plan& plan, const Group* groups, Settings& settings, Counters& counters) {
  const Policy policy = settings.policy;
  const bool zero = policy == Policy::kZero;
  const double order = std::visit([](const auto& c) { return c.order(); }, settings.clipper);
  const double limit = std::visit([](const auto& c) { return c.limit(); }, settings.clipper);

  bool all_finite = true;
  if (order != kNoStatistic || policy == Policy::kSkip || policy == Policy::kError) {
    all_finite = reduce(plan, order == kNoStatistic ? 2 : order, zero);
  } else {
    std::fill(plan.norms.begin(), plan.norms.end(), std::numeric_limits<double>::quiet_NaN());
  }
  if (!all_finite && policy == Policy::kError) return Outcome::kNonfinite;
  if (!all_finite && policy == Policy::kSkip) {
    std::fill(plan.coefficients.begin(), plan.coefficients.end(), 0);
    ++counters.skipped;
    ++counters.consecutive;
    return counters.consecutive > settings.max_consecutive_skips ? Outcome::kTooManySkips : Outcome::kSkipped;
  }
  counters.consecutive = 0;

  const auto decide = [&](auto& clipper) {
    for (size_t u = 0; u < plan.norms.size(); ++u) plan.coefficients[u] = clipper(plan.norms[u]);
  };
  std::visit(decide, settings.clipper);
  for (const Item& item : plan.items) {
    if (item.step != nullptr) ++*item.step;
  }
  apply(plan, groups, limit, zero, settings.write_back);
  return Outcome::kStepped;
}

}  // namespace tc::optim::cpu
