// Shared by the engine's bindings.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

#include "binding/handle.h"
#include "binding/owning_object.h"
#include "binding/value.h"
#include "optim/optimizer.h"

namespace tc {

using optim::Optimizer;

// Reports the size of the state to the garbage collector.
struct OptimizerObject {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x6f7074696d697a65};
  static constexpr const char* kNoun = "an optimizer";

  explicit OptimizerObject(optim::Settings settings) : optimizer(std::move(settings)) {}

  void report(node_api_basic_env env) { report(env, optimizer.state_bytes()); }
  void collected(node_api_basic_env env) { report(env, 0); }

  Optimizer optimizer;

 private:
  void report(node_api_basic_env env, int64_t bytes);

  int64_t reported_ = 0;
};
inline Optimizer& optimizer(napi_env env, napi_value value) {
  return from_object<OptimizerObject>(env, value).optimizer;
}

std::vector<at::Tensor> tensors(napi_env env, napi_value list, const char* what);
const double* doubles(napi_env env, napi_value value, const char* what, size_t at_least);
// A number in [0, count).
int64_t choice(napi_env env, napi_value value, const char* what, int64_t count);
// The index i whose `name_of(i)` is the given name; throws ERR_INTERNAL if there is none.
template <class NameOf>
size_t index_of(napi_env env, napi_value value, const char* what, size_t count, const NameOf& name_of) {
  const std::string name = to_string(env, value, what);
  for (size_t i = 0; i < count; ++i) {
    if (name == name_of(i)) return i;
  }
  throw Error("ERR_INTERNAL", std::string("the engine has no ") + what + " \"" + name + "\"");
}
template <class Enum, size_t N>
Enum to_enum(napi_env env, napi_value value, const char* what, const std::array<const char*, N>& names) {
  return Enum(index_of(env, value, what, N, [&](size_t i) { return names[i]; }));
}
at::Tensor to_tensor(at::ArrayRef<double> values);
at::Tensor to_tensor(at::ArrayRef<int64_t> values);

void register_optim_state(napi_env env, napi_value exports);
void register_gradients(napi_env env, napi_value exports);
void register_emulation(napi_env env, napi_value exports);

}  // namespace tc
