// Opens libtorch by path, for an addon that names its libraries but no folder.
#include <dlfcn.h>
#include <node_api.h>

#include <string>

namespace {

/// open(path): undefined, or the dynamic linker's own words for why it could not. Open libraries stay open.
napi_value Open(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg = nullptr;
  napi_get_cb_info(env, info, &argc, &arg, nullptr, nullptr);
  size_t length = 0;
  if (argc < 1 || napi_get_value_string_utf8(env, arg, nullptr, 0, &length) != napi_ok) {
    napi_throw_type_error(env, nullptr, "\"path\" must be a string");
    return nullptr;
  }
  std::string path(length, '\0');
  napi_get_value_string_utf8(env, arg, path.data(), length + 1, &length);
  // Global: the addon's OpenMP symbols must find the runtime that libtorch brings.
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return nullptr;
  napi_value message = nullptr;
  napi_create_string_utf8(env, dlerror(), NAPI_AUTO_LENGTH, &message);
  return message;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value open = nullptr;
  napi_create_function(env, "open", NAPI_AUTO_LENGTH, Open, nullptr, &open);
  napi_set_named_property(env, exports, "open", open);
  return exports;
}
