// What a tensor says of itself, and the release of handles.
#include <ATen/core/Tensor.h>

#include "binding/env.h"
#include "binding/modules.h"
#include "binding/value.h"
#include "optim/partial_memory.h"

namespace tc {
namespace {

napi_value shape(napi_env env, Args& args) { return js(env, unwrap(env, args[0]).sizes()); }
napi_value strides(napi_env env, Args& args) { return js(env, unwrap(env, args[0]).strides()); }
napi_value numel(napi_env env, Args& args) { return js(env, unwrap(env, args[0]).numel()); }
napi_value dim(napi_env env, Args& args) { return js(env, unwrap(env, args[0]).dim()); }
napi_value nbytes(napi_env env, Args& args) { return js(env, static_cast<int64_t>(unwrap(env, args[0]).nbytes())); }

napi_value dtype(napi_env env, Args& args) { return js(env, static_cast<int64_t>(unwrap(env, args[0]).scalar_type())); }
napi_value layout(napi_env env, Args& args) { return js(env, static_cast<int64_t>(unwrap(env, args[0]).layout())); }
napi_value device(napi_env env, Args& args) {
  const c10::Device d = unwrap(env, args[0]).device();
  if (d.is_cpu()) return js(env, std::string_view("cpu"));
  return js(env, std::string_view(d.str()));
}

napi_value is_contiguous(napi_env env, Args& args) {
  const auto format =
      is_nullish(env, args[1]) ? c10::MemoryFormat::Contiguous : to_memory_format(env, args[1], "memoryFormat");
  return js(env, unwrap(env, args[0]).is_contiguous(format));
}

napi_value version(napi_env env, Args& args) {
  const at::Tensor& t = unwrap(env, args[0]);
  return js(env, t.is_inference() ? int64_t{0} : t._version());
}

// The address of the first element, as a bigint: to see which tensors share memory.
napi_value data_ptr(napi_env env, Args& args) {
  const at::Tensor& t = unwrap(env, args[0]);
  napi_value address;
  check(env, napi_create_bigint_uint64(env, t.has_storage() ? reinterpret_cast<uintptr_t>(t.const_data_ptr()) : 0,
                                       &address));
  return address;
}

napi_value is_same(napi_env env, Args& args) { return js(env, unwrap(env, args[0]).is_same(unwrap(env, args[1]))); }

napi_value release(napi_env env, Args& args) {
  Entry* entry = entry_of(env, args[0]);
  if (entry != nullptr) dispose(env, *entry);
  return undefined(env);
}

napi_value is_disposed(napi_env env, Args& args) {
  const Entry* entry = entry_of(env, args[0]);
  return js(env, entry == nullptr || entry->kind == Kind::Disposed || entry->kind == Kind::Escaped);
}

// isClosed(tensor): whether nobody may read it now, as other processes have parts of it.
napi_value is_closed(napi_env env, Args& args) { return js(env, optim::is_closed(unwrap(env, args[0]))); }

}  // namespace

void register_tensor(napi_env env, napi_value exports) {
  define(env, exports, "shape", guarded<shape>);
  define(env, exports, "strides", guarded<strides>);
  define(env, exports, "numel", guarded<numel>);
  define(env, exports, "dim", guarded<dim>);
  define(env, exports, "nbytes", guarded<nbytes>);
  define(env, exports, "dtype", guarded<dtype>);
  define(env, exports, "layout", guarded<layout>);
  define(env, exports, "device", guarded<device>);
  define(env, exports, "isContiguous", guarded<is_contiguous>);
  define(env, exports, "version", guarded<version>);
  define(env, exports, "dataPtr", guarded<data_ptr>);
  define(env, exports, "isSame", guarded<is_same>);
  define(env, exports, "isClosed", guarded<is_closed>);
  define(env, exports, "dispose", guarded<release>);
  define(env, exports, "isDisposed", guarded<is_disposed>);
}

}  // namespace tc
