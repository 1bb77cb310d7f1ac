// Tensors on their way from one thread's environment to another's: without a copy, since they are in one process.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "binding/borrow.h"
#include "binding/env.h"
#include "binding/func/wrapped.h"
#include "binding/handle.h"
#include "binding/modules.h"
#include "binding/value.h"

namespace tc {
namespace {

// What was sent and not received yet, by a number of its own and that of the loader that will drop it.
class Mail {
 public:
  static Mail& all() {
    // Never destroyed: libtorch may be gone by then.
    static Mail& mail = *std::make_unique<Mail>().release();
    return mail;
  }

  int64_t send(at::Tensor tensor, int64_t group) {
    const std::lock_guard lock(mutex_);
    letters_.emplace(++last_, Letter{std::move(tensor), group});
    return last_;
  }

  at::Tensor receive(int64_t id) {
    const std::lock_guard lock(mutex_);
    const auto it = letters_.find(id);
    if (it == letters_.end()) throw Error("ERR_INTERNAL", "a tensor was received that was never sent");
    at::Tensor tensor = std::move(it->second.tensor);
    letters_.erase(it);
    return tensor;
  }

  int64_t drop(int64_t group) {
    const std::lock_guard lock(mutex_);
    return static_cast<int64_t>(std::erase_if(letters_, [&](const auto& one) { return one.second.group == group; }));
  }

 private:
  struct Letter {
    at::Tensor tensor;
    int64_t group;
  };
  std::mutex mutex_;
  std::unordered_map<int64_t, Letter> letters_;
  int64_t last_ = 0;
};

// sendTensor(tensor, group): a number by which any thread of the process receives it, once. Autograd's graph stays
// here, and so does memory of JavaScript, which ends with this environment.
napi_value send_tensor(napi_env env, Args& args) {
  at::Tensor tensor = unwrap(env, args[0]).detach();
  if (is_wrapped(tensor)) {
    throw Error("ERR_STATE", "a tensor inside of a transform of torch.func cannot be sent to a thread");
  }
  if (is_borrowed(tensor)) tensor = tensor.clone();
  Env::of(env).memory.publish(tensor);
  return js(env, Mail::all().send(std::move(tensor), to_int64(env, args[1], "group")));
}

napi_value receive_tensor(napi_env env, Args& args) {
  return wrap(env, Mail::all().receive(to_int64(env, args[0], "id")));
}

// dropTensors(group): lets go of what was sent for it and never received; returns how many that were.
napi_value drop_tensors(napi_env env, Args& args) { return js(env, Mail::all().drop(to_int64(env, args[0], "group"))); }

}  // namespace

void register_mail(napi_env env, napi_value exports) {
  define(env, exports, "sendTensor", guarded<send_tensor>);
  define(env, exports, "receiveTensor", guarded<receive_tensor>);
  define(env, exports, "dropTensors", guarded<drop_tensors>);
}

}  // namespace tc
