// What one JavaScript environment (the main thread, a worker) owns. Nothing here is shared between environments.
#pragma once

#include <node_api.h>

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "binding/handle.h"
#include "binding/memory.h"

namespace c10 {
struct InferenceMode;
}

namespace tc {

// References to JavaScript functions that C++ objects (autograd hooks) gave up, perhaps on another thread or inside
// the garbage collector, where a reference may not be deleted. The environment deletes them at its next safe point.
class Graveyard {
 public:
  void bury(napi_ref ref);
  void sweep(napi_env env);
  bool empty();

 private:
  std::mutex mutex_;
  std::vector<napi_ref> refs_;
};

class Hook;

struct Env {
  explicit Env(napi_env env);
  ~Env();
  static Env& of(napi_env env);
  // The environment of the running thread, or null outside JavaScript threads.
  static Env* current() noexcept;
  // Calls one of the functions below from the middle of an operator; what it throws is dropped.
  void call(napi_ref function, const char* argument = nullptr) const noexcept;

  napi_env env;
  // Where finalizers are registered. Node.js ends the process when a finalizer runs inside the collection while an
  // exception of its environment is pending, and throwing one may start a collection; so they belong to a second
  // environment, which never throws. The same as `env` until that is there (addon.cc).
  napi_env keeper;
  std::thread::id thread;
  napi_ref error_class = nullptr;
  napi_ref collector = nullptr;  // a JavaScript function that runs a garbage collection: of 'minor' or all of the heap
  napi_ref warn = nullptr;       // one that shows a warning's text
  HandlePool* pool;              // outlives the environment while a handle is alive
  Memory memory;
  std::shared_ptr<Graveyard> graveyard;
  at::Generator generator;  // the default one of a worker; undefined on the main thread (random.h)
  bool sweep_posted = false;
  std::vector<std::weak_ptr<Hook>> hooks;  // those of live graphs, and some that are gone
  size_t next_weakening = 64;              // so many hooks are looked through again
  std::vector<std::unique_ptr<c10::InferenceMode>> inference;
};

}  // namespace tc
