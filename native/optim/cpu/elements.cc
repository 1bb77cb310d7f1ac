#include "optim/cpu/elements.h"

namespace tc::optim::cpu::elements {
namespace {

template <class T>
void spam(const Pass& pass, int64_t c, const SpamClip& clipper, double start) {
  using C = Compute<T>;
  const Chunk& chunk = pass.chunks[c];
  const Item& item = pass.items[chunk.item];
  const T* const g = static_cast<const T*>(item.grad) + chunk.begin;
  T* const out = static_cast<T*>(item.out) + chunk.begin;
  C* const square = static_cast<C*>(item.state[0]) + chunk.begin;
  const C factor = pass.intake.factor();
  for (int64_t i = 0; i < chunk.length; ++i) {
    out[i] = narrow<T>(clipper.clip<C>(factor * widen(g[i]), square[i], C(start)));
  }
}

}  // namespace

void (*const clip[kDtypes])(const Pass&, int64_t, const SpamClip&, double) = {spam<float>, spam<double>, spam<Half>,
                                                                              spam<BFloat16>};

}  // namespace tc::optim::cpu::elements
