#include "optim/cuda/gradients.h"

#include <ATen/ops/from_blob.h>

namespace tc::optim::cuda {

Gradients::Gradients(const Plan& plan, c10::Device device) : device_(device) {
  const c10::cuda::CUDAGuard guard(device);
  plan_.send(plan, plan.items, std::vector<Group>(1), false, device, {[](const Item&) { return true; }, {}});
  control_.send({Control{}}, device);
}

at::Tensor Gradients::norm(double p) {
  const c10::cuda::CUDAGuard guard(device_);
  const auto stream = c10::cuda::getCurrentCUDAStream(device_.index()).stream();
  Job job{plan_.pass(), nullptr, stream};
  job.pass.order = p;
  for (const Launch& launch : plan_.launches()) reduce(job, launch, order_of(p));
  Verdict verdict{};
  verdict.plan = plan_.view();
  verdict.control = control_.data();
  verdict.order = p;
  verdict.first = true;
  finish_units(verdict, stream);
  return at::from_blob(verdict.plan.norms, {}, at::TensorOptions().dtype(c10::kDouble).device(device_)).clone();
}

void Gradients::clip(const at::Tensor& coefficient, double limit) {
  const c10::cuda::CUDAGuard guard(device_);
  const std::vector<double> limits{limit};
  Buffer<double> limit_on_device;
  limit_on_device.send(limits, device_);
  Job job{plan_.pass(), nullptr, c10::cuda::getCurrentCUDAStream(device_.index()).stream()};
  job.pass.coefficient = coefficient.const_data_ptr<double>();
  job.pass.limit = limit_on_device.data();
  for (const Launch& launch : plan_.launches()) cuda::clip(job, launch);
}

}  // namespace tc::optim::cuda
