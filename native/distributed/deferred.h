// Promises of JavaScript that other threads settle. Making a group, waiting for a key or for another rank may block for
// seconds, during which the event loop has to turn.
#pragma once

#include <ATen/core/Tensor.h>
#include <node_api.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tc::distributed {

// Makes a value for JavaScript, on JavaScript's thread.
using Value = std::function<napi_value(napi_env)>;

class Channel;

// A promise that is settled once, from any thread. It keeps the event loop alive until then; what arrives after its
// environment has ended is dropped.
class Deferred : public std::enable_shared_from_this<Deferred> {
 public:
  explicit Deferred(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}
  ~Deferred();
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;

  // On JavaScript's thread. `promise` is what to return to it.
  static std::shared_ptr<Deferred> make(napi_env env, napi_value& promise);

  void resolve(Value value);
  void reject(std::exception_ptr error);
  // Rejects with ERR_TIMEOUT if nothing has settled it by then.
  void expire_after(std::chrono::milliseconds limit, std::string sentence);

  std::vector<at::Tensor> kept;  // tensors that another thread works on, given up on JavaScript's thread

 private:
  friend class Channel;
  void settle();
  void deliver(napi_env env);

  std::shared_ptr<Channel> channel_;
  napi_deferred deferred_ = nullptr;
  std::atomic<bool> settled_ = false;
  std::atomic<uint64_t> watched_ = 0;
  std::exception_ptr error_;
  Value value_;
};

// Runs `body` on a thread of its own and returns the promise of what it makes. Where it takes longer than `limit`, the
// promise is rejected with `late` and the thread is left to itself.
napi_value run_aside(napi_env env, std::chrono::milliseconds limit, std::string late, std::function<Value()> body);

}  // namespace tc::distributed
