#include "binding/autograd/lists.h"

#include "binding/handle.h"
#include "binding/value.h"

namespace tc {

std::vector<at::Tensor> to_tensors(napi_env env, napi_value array, const char* what) {
  const uint32_t n = array_length(env, array, what);
  std::vector<at::Tensor> list;
  list.reserve(n);
  for (uint32_t i = 0; i < n; ++i) {
    const napi_value e = element(env, array, i);
    list.push_back(is_nullish(env, e) ? at::Tensor() : unwrap(env, e));
  }
  return list;
}

napi_value js(napi_env env, const std::vector<at::Tensor>& tensors) {
  napi_value array;
  check(env, napi_create_array_with_length(env, tensors.size(), &array));
  for (size_t i = 0; i < tensors.size(); ++i) {
    check(env, napi_set_element(env, array, static_cast<uint32_t>(i), wrap(env, tensors[i])));
  }
  return array;
}

}  // namespace tc
