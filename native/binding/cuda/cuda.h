// What the bindings of CUDA share. They go through libtorch's device-generic interfaces, which a build without CUDA has
// as well, and throw there; graph.cc, memory.cc, tools.cc and collection.cc alone need CUDA's own headers.
#pragma once

#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "binding/owning_object.h"

namespace tc::cuda {

struct Stream {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x637564612d737472};
  static constexpr const char* kNoun = "a CUDA stream";
  c10::Stream stream;
};

inline c10::impl::VirtualGuardImpl driver() { return c10::impl::VirtualGuardImpl(c10::kCUDA); }
inline c10::Device to_gpu(napi_env env, napi_value index) {
  const int64_t i = to_int64(env, index, "device");
  if (i < 0 || i > 127) throw Error("ERR_DEVICE", "\"device\" must be the index of a GPU, got " + std::to_string(i));
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(i));
}

void register_streams(napi_env env, napi_value exports);
void register_graphs(napi_env env, napi_value exports);
void register_memory(napi_env env, napi_value exports);
void register_tools(napi_env env, napi_value exports);

}  // namespace tc::cuda
