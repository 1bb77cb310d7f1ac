// The wheels of PyTorch ship ProcessGroupGloo.hpp, but not the headers of Gloo that it includes. It only holds Gloo's
// objects by std::shared_ptr, so that these declarations serve in their place: nothing here depends on their layout.
#pragma once

#include <chrono>
#include <memory>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);  // defined in libtorch_cpu
};

namespace transport {
class Device;
class UnboundBuffer;
}  // namespace transport

}  // namespace gloo
