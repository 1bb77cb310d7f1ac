// Lists of tensors to JavaScript and back; undefined tensors are null there.
#pragma once

#include <ATen/core/Tensor.h>
#include <node_api.h>

#include <vector>

namespace tc {

std::vector<at::Tensor> to_tensors(napi_env env, napi_value array, const char* what);
napi_value js(napi_env env, const std::vector<at::Tensor>& tensors);

}  // namespace tc
