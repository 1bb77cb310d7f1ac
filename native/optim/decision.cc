#include "optim/decision.h"

#include <limits>

#include "optim/clip/traits.h"

namespace tc::optim {
namespace {

// The 2-norm of the units' norms, scaled by the largest so that no square overflows.
double total_of(const Plan& plan) {
  double largest = 0;
  for (const double norm : plan.norms) largest = larger(largest, norm);
  if (largest == 0 || !finite(largest) || plan.norms.size() == 1) return largest;
  double sum = 0;
  for (const double norm : plan.norms) sum += (norm / largest) * (norm / largest);
  return largest * std::sqrt(sum);
}

template <class Choose>
Tally decide_with(const Stage& stage, const StageMemory& memory, Plan& plan, size_t first, size_t last, double total,
                  const Choose& choose) {
  const double limit = limit_of(stage.clipper);
  Tally tally;
  for (size_t u = first; u < last; ++u) {
    plan.coefficients[u] = 1;
    plan.limits[u] = limit * plan.levels[u];
    if (!plan.present(u)) continue;
    const Decision decision =
        choose(u, Seen{plan.norms[u], plan.weight_norms[u], total, plan.numel[u], plan.levels[u]});
    const double c = decision.coefficient;
    plan.thresholds[u] = decision.threshold;
    plan.coefficients[u] = stage.coin.spares(c, memory.flips, int32_t(u)) ? 1 : c;
    ++tally.decisions;
    tally.clipped += plan.coefficients[u] != 1;
  }
  return tally;
}

Tally decide_units(const Stage& stage, StageMemory& memory, Plan& plan, size_t first, size_t last, double total) {
  const size_t count = numbers_of(stage.clipper);
  return std::visit(
      [&](const auto& clipper) {
        return decide_with(stage, memory, plan, first, last, total, [&](size_t u, const Seen& seen) {
          UnitMemory own{memory.numbers.data() + u * count, nullptr};
          if (clipper.kHistory) own.history = &memory.histories[u].reserve(clipper.window());
          return clipper(seen, own);
        });
      },
      stage.clipper);
}

void keep_total(const Stage& stage, StageMemory& memory, double total) {
  if (stage.tap == 0) return;
  memory.tap.push_back(total);
  while (int64_t(memory.tap.size()) > stage.tap) memory.tap.pop_front();
}

}  // namespace

void open(const Stage& stage, StageMemory& memory, const Plan& plan) {
  const size_t units = plan.norms.size();
  memory.numbers.resize(units * numbers_of(stage.clipper));
  if (keeps_history(stage.clipper)) memory.histories.resize(units);
}

Tally decide_units(const Stage& stage, StageMemory& memory, Plan& plan, size_t first, size_t last) {
  return decide_units(stage, memory, plan, first, last, std::numeric_limits<double>::quiet_NaN());
}

void close(const Stage& stage, StageMemory& memory, const Tally& tally) {
  memory.decisions += tally.decisions;
  memory.clipped += tally.clipped;
  if (stage.coin.power > 0) ++memory.flips;
}

void decide(const Stage& stage, StageMemory& memory, Plan& plan) {
  const double total = total_of(plan);
  open(stage, memory, plan);
  close(stage, memory, decide_units(stage, memory, plan, 0, plan.norms.size(), total));
  keep_total(stage, memory, total);
}

void decide(const Stage& stage, StageMemory& memory, Plan& plan, const std::vector<double>& coefficients) {
  const double total = total_of(plan);
  close(stage, memory, decide_with(stage, memory, plan, 0, plan.norms.size(), total, [&](size_t u, const Seen&) {
          return Decision{coefficients[u]};
        }));
  keep_total(stage, memory, total);
}

}  // namespace tc::optim
