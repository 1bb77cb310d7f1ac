#include "optim/driver.h"

#include <algorithm>

#include "error.h"
#include "optim/clip/traits.h"
#include "optim/cpu/passes.h"
#include "optim/target.h"
#if defined(TC_CUDA_DRIVER)
#include "optim/cuda/driver.h"
#endif

namespace tc::optim {

bool asks_user(const State& state, const Request& request) {
  const auto& stages = state.settings.stages;
  return request.outside ||
         std::any_of(stages.begin(), stages.end(), [](const Stage& stage) { return asks_host(stage.clipper); });
}

std::unique_ptr<Driver> make_driver(c10::Device device) {
#if defined(TC_CUDA_DRIVER)
  if (for_cuda(device)) return cuda::make_driver(device);
#endif
  if (device.is_cpu()) return cpu::make_driver();
  throw Error("ERR_DEVICE", "this build's optimizers have no code for parameters on " + device.str());
}

bool capturing([[maybe_unused]] c10::Device device) {
#if defined(TC_CUDA_DRIVER)
  if (for_cuda(device)) return cuda::capturing(device);
#endif
  return false;
}

}  // namespace tc::optim
