#include "binding/optim/support.h"

#include <ATen/ops/empty.h>

namespace tc {

void OptimizerObject::report(node_api_basic_env env, int64_t bytes) {
  if (bytes == reported_) return;
  int64_t total;
  napi_adjust_external_memory(env, bytes - reported_, &total);
  reported_ = bytes;
}

std::vector<at::Tensor> tensors(napi_env env, napi_value list, const char* what) {
  const uint32_t n = array_length(env, list, what);
  std::vector<at::Tensor> out;
  out.reserve(n);
  for (uint32_t i = 0; i < n; ++i) out.push_back(unwrap(env, element(env, list, i)));
  return out;
}

const double* doubles(napi_env env, napi_value value, const char* what, size_t at_least) {
  const TypedArray data = to_typed_array(env, value, what);
  if (data.type != napi_float64_array || data.length < at_least) {
    throw Error("ERR_ARGUMENT", std::string("\"") + what + "\" must be a Float64Array of at least " +
                                    std::to_string(at_least) + " numbers");
  }
  return static_cast<const double*>(data.data);
}

int64_t choice(napi_env env, napi_value value, const char* what, int64_t count) {
  const int64_t number = to_int64(env, value, what);
  if (number < 0 || number >= count) throw Error("ERR_INTERNAL", std::string("no such ") + what);
  return number;
}

at::Tensor to_tensor(at::ArrayRef<double> values) {
  const at::Tensor out = at::empty({int64_t(values.size())}, at::TensorOptions().dtype(c10::kDouble));
  std::copy(values.begin(), values.end(), out.mutable_data_ptr<double>());
  return out;
}
at::Tensor to_tensor(at::ArrayRef<int64_t> values) {
  const at::Tensor out = at::empty({int64_t(values.size())}, at::TensorOptions().dtype(c10::kLong));
  std::copy(values.begin(), values.end(), out.mutable_data_ptr<int64_t>());
  return out;
}

}  // namespace tc
