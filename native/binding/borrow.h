// Tensors over memory that belongs to JavaScript.
#pragma once

#include <ATen/core/Tensor.h>
#include <node_api.h>

namespace tc {

// Whether the elements lie in an ArrayBuffer, which ends with its environment at the latest.
bool is_borrowed(const at::Tensor& t);

}  // namespace tc
