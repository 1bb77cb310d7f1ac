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
      keeper(e),
      thread(std::this_thread::get_id()),
      pool(std::make_unique<HandlePool>().release()),
      graveyard(std::make_shared<Graveyard>()) {
  pool->owner = this;
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

void Env::call(napi_ref function, const char* argument) const noexcept {
  napi_handle_scope scope;
  if (function == nullptr || napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callee, receiver, text, result;
  if (napi_get_reference_value(env, function, &callee) == napi_ok && napi_get_undefined(env, &receiver) == napi_ok &&
      napi_create_string_utf8(env, argument == nullptr ? "" : argument, NAPI_AUTO_LENGTH, &text) == napi_ok &&
      napi_call_function(env, receiver, callee, 1, &text, &result) == napi_pending_exception) {
    napi_get_and_clear_last_exception(env, &result);
  }
  napi_close_handle_scope(env, scope);
}

}  // namespace tc
