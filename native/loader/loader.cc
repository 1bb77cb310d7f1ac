// Opens libtorch by path, for an addon that names its libraries but no folder.
#include <dlfcn.h>
#include <napi.h>

#include <string>

namespace {

/// open(path): undefined, or the dynamic linker's own words for why it could not. Open libraries stay open.
Napi::Value Open(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw Napi::TypeError::New(info.Env(), "\"path\" must be a string");
  const std::string path = info[0].As<Napi::String>();
  // Global: the addon's OpenMP symbols must find the runtime that libtorch brings.
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return info.Env().Undefined();
  return Napi::String::New(info.Env(), dlerror());
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, Open));
  return exports;
}

}  // namespace

NODE_API_MODULE(torch_clip_loader, Init)
