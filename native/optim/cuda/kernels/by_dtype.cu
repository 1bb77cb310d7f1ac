// Picks the kernels of a parameter's dtype, each of which is compiled in a file of its own: update.inl, proposal.inl.
#include "optim/cuda/kernels/launch.h"

namespace tc::optim::cuda {

template <class T>
void update_as(const Job&, const Launch&);
template <class T>
void measure_as(const Job&, const Launch&);
template <class T>
void propose_as(const Job&, const Launch&);
template <class T>
void settle_as(const Job&, const Launch&);

void update(const Job& job, const Launch& launch) {
  for_dtype(launch.param_dtype, [&]<class T>() { update_as<T>(job, launch); });
}
void measure(const Job& job, const Launch& launch) {
  for_dtype(launch.param_dtype, [&]<class T>() { measure_as<T>(job, launch); });
}
void propose(const Job& job, const Launch& launch) {
  for_dtype(launch.param_dtype, [&]<class T>() { propose_as<T>(job, launch); });
}
void settle(const Job& job, const Launch& launch) {
  for_dtype(launch.param_dtype, [&]<class T>() { settle_as<T>(job, launch); });
}

}  // namespace tc::optim::cuda
