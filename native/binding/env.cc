#include "binding/env.h"

#include <c10/core/InferenceMode.h>

#include "binding/error.h"

namespace tc {
namespace {
thread_local Env* current_env = nullptr;
}

void Graveyard::bury(napi_ref ref) {
  std::lock_guard lock(mutex_);
  refs_.push_back(ref);
}

void Graveyard::sweep(napi_env env) {
  std::vector<napi_ref> refs;
  {
    std::lock_guard lock(mutex_);
    refs.swap(refs_);
  }
  for (napi_ref ref : refs) napi_delete_reference(env, ref);
}

bool Graveyard::empty() {
  std::lock_guard lock(mutex_);
  return refs_.empty();
}

Env::Env(napi_env e)
    : env(e),
      thread(std::this_thread::get_id()),
      pool(std::make_unique<HandlePool>().release()),
      graveyard(std::make_shared<Graveyard>()) {
  current_env = this;
}

Env::~Env() {
  while (!inference.empty()) inference.pop_back();
  HandlePool::close(pool);
  if (current_env == this) current_env = nullptr;
}

Env& Env::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Env*>(data);
}

Env* Env::current() noexcept { return current_env; }

}  // namespace tc
