// Picks the kernels of a parameter's dtype, each of which is compiled in a file of its own: update.inl, placement.inl.
#include "optim/cuda/kernels/launch.h"

namespace tc::optim::cuda {

template <class T>
void update_as(const Job&, const Run&);
template <class T>
void measure_as(const Job&, const Run&);
template <class T>
void propose_as(const Job&, const Run&);
template <class T>
void settle_as(const Job&, const Run&);

void update(const Job& job, const Run& run) {
  for_dtype(run.param_dtype, [&]<class T>() { update_as<T>(job, run); });
}
void measure(const Job& job, const Run& run) {
  for_dtype(run.param_dtype, [&]<class T>() { measure_as<T>(job, run); });
}
void propose(const Job& job, const Run& run) {
  for_dtype(run.param_dtype, [&]<class T>() { propose_as<T>(job, run); });
}
void settle(const Job& job, const Run& run) {
  for_dtype(run.param_dtype, [&]<class T>() { settle_as<T>(job, run); });
}

}  // namespace tc::optim::cuda
