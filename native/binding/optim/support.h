// What the bindings of the engine share: an optimizer is an object that wraps a tc::optim::Optimizer, tagged so that no
// other object passes for one.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "binding/handle.h"
#include "binding/value.h"
#include "optim/optimizer.h"

namespace tc {

using optim::Optimizer;

// What JavaScript's object wraps: the collector is told of the state's bytes.
struct Wrapped {
  std::unique_ptr<Optimizer> optimizer;
  int64_t reported = 0;

  void report(node_api_basic_env env, int64_t bytes);
};
napi_value wrap(napi_env env, std::unique_ptr<Wrapped> data);
Wrapped& wrapped(napi_env env, napi_value value);
inline Optimizer& optimizer(napi_env env, napi_value value) { return *wrapped(env, value).optimizer; }

napi_value object(napi_env env);
napi_value array(napi_env env, size_t length);
void set(napi_env env, napi_value target, const char* name, napi_value value);
void set(napi_env env, napi_value target, uint32_t index, napi_value value);

std::vector<at::Tensor> tensors(napi_env env, napi_value list, const char* what);
const double* doubles(napi_env env, napi_value value, const char* what, size_t at_least);
// A number in [0, count).
int64_t choice(napi_env env, napi_value value, const char* what, int64_t count);
at::Tensor to_tensor(at::ArrayRef<double> values);
at::Tensor to_tensor(at::ArrayRef<int64_t> values);

void register_optim_state(napi_env env, napi_value exports);
void register_gradients(napi_env env, napi_value exports);
void register_emulation(napi_env env, napi_value exports);

}  // namespace tc
