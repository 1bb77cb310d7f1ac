#include "binding/autograd/callback.h"

#include <utility>

#include "binding/error.h"
#include "binding/value.h"

namespace tc {

std::shared_ptr<Callback> Callback::of(napi_env env, napi_value function) {
  return is_nullish(env, function) ? nullptr : std::make_shared<Callback>(env, function);
}

Callback::Callback(napi_env env, napi_value value) : env_(env), graveyard_(Env::of(env).graveyard) {
  graveyard_->sweep(env);
  check(env, napi_create_reference(env, value, 1, &ref_));
}

Callback::~Callback() {
  if (ref_ != nullptr) graveyard_->bury(ref_);
}

napi_value Callback::value() const {
  napi_value value;
  check(env_, napi_get_reference_value(env_, ref_, &value));
  return value;
}

CallScope::CallScope(std::shared_ptr<const Callback> callback) : callback_(std::move(callback)) {
  const Env* current = Env::current();
  if (current == nullptr || current->env != callback_->env()) {
    throw Error("ERR_AUTOGRAD", "a JavaScript function of a graph was reached on another thread than its own");
  }
  check(env(), napi_open_handle_scope(env(), &scope_));
}

CallScope::~CallScope() {
  const napi_env env = callback_->env();
  if (scope_ != nullptr) napi_close_handle_scope(env, scope_);
}

napi_value CallScope::call(std::initializer_list<napi_value> arguments) const {
  napi_value receiver, result;
  check(env(), napi_get_undefined(env(), &receiver));
  check(env(), napi_call_function(env(), receiver, callback_->value(), arguments.size(), arguments.begin(), &result));
  return result;
}

}  // namespace tc
