#include "optim/cpu/elements.h"

namespace tc::optim::cpu::elements {
namespace {

template <class T, class C>
void clip_chunk(const Pass& pass, const Chunk& chunk, const C& clipper, const double* numbers) {
  using X = Compute<T>;
  const Item& item = pass.items[chunk.item];
  const T* const g = static_cast<const T*>(item.grad) + chunk.begin;
  T* const out = static_cast<T*>(item.out) + chunk.begin;
  X* const state = static_cast<X*>(item.state[0]) + chunk.begin;
  const X prepared = clipper.prepare(numbers + size_t(chunk.unit) * C::kNumbers.size());
  const X factor = pass.intake.factor();
  for (int64_t i = 0; i < chunk.length; ++i) {
    out[i] = narrow<T>(clipper.template clip<X>(factor * widen(g[i]), state[i], prepared));
  }
}

}  // namespace

void clip(const Pass& pass, int64_t c, const Clipper& clipper, const double* numbers) {
  const Chunk& chunk = pass.chunks[c];
  std::visit(
      [&]<class C>(const C& own) {
        if constexpr (C::kElements) {
          for_dtype(pass.items[chunk.item].dtype, [&]<class T>() { clip_chunk<T>(pass, chunk, own, numbers); });
        }
      },
      clipper);
}

}  // namespace tc::optim::cpu::elements
