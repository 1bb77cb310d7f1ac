// The CUDA driver: a step is a few launches on the current stream, and the host never waits for them.
#pragma once

#include "optim/driver.h"

namespace tc::optim::cuda {

std::unique_ptr<Driver> make_driver(c10::Device device);
bool capturing(c10::Device device);

}  // namespace tc::optim::cuda
