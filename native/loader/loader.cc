// Opens libtorch by path, for an addon that names its libraries but no folder.
#include <dlfcn.h>
#include <napi.h>
#include <sys/stat.h>
#if defined(__linux__)
#include <link.h>
#endif

#include <string>

namespace {

// The file of a library that the process has under this name, or nothing.
std::string LoadedAs(const std::string& name) {
#if defined(__linux__)
  void* const library = dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return {};
  link_map* map = nullptr;
  const std::string path = dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 ? map->l_name : name;
  dlclose(library);
  return path;
#else
  return {};
#endif
}

bool SameFile(const std::string& a, const std::string& b) {
  struct stat x, y;
  return stat(a.c_str(), &x) == 0 && stat(b.c_str(), &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/// open(path): undefined, or why it could not, mostly in the dynamic linker's own words. Open libraries stay open.
Napi::Value Open(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw Napi::TypeError::New(info.Env(), "\"path\" must be a string");
  const std::string path = info[0].As<Napi::String>();
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string other = LoadedAs(name);
  if (!other.empty() && !SameFile(other, path)) {
    // One OpenMP runtime is as good as another, and there must be one only.
    if (name.find("gomp") != std::string::npos) return info.Env().Undefined();
    return Napi::String::New(info.Env(), "the process has another " + name + " already: " + other);
  }
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
