// A JavaScript function that an autograd graph holds.
#pragma once

#include <node_api.h>

#include <initializer_list>
#include <memory>

#include "binding/env.h"

namespace tc {

// The graph may die on any thread, even inside the garbage collector, so the reference goes to the graveyard.
class Callback {
 public:
  // Null where `function` is undefined or null.
  static std::shared_ptr<Callback> of(napi_env env, napi_value function);

  Callback(napi_env env, napi_value value);
  ~Callback();
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

  napi_env env() const noexcept { return env_; }
  napi_value value() const;

 private:
  napi_env env_;
  napi_ref ref_ = nullptr;
  std::shared_ptr<Graveyard> graveyard_;
};

// Open while libtorch, in the middle of its own work, calls a function of JavaScript.
class Interruption {
 public:
  Interruption() { ++depth_; }
  ~Interruption() { --depth_; }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // Whether there is one on this thread.
  static bool is_open() { return depth_ > 0; }

 private:
  static inline thread_local int depth_ = 0;
};

// Open while libtorch calls JavaScript: what a call returns lives as long. Keeps the function, which may drop its last
// owner while it runs.
class CallScope {
 public:
  // Throws ERR_AUTOGRAD on another thread than the one that the function belongs to.
  explicit CallScope(std::shared_ptr<const Callback> callback);
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

  napi_env env() const noexcept { return callback_->env(); }
  napi_value call(std::initializer_list<napi_value> arguments) const;

 private:
  const Interruption interruption_;
  std::shared_ptr<const Callback> callback_;
  napi_handle_scope scope_ = nullptr;
};

}  // namespace tc
