#include "distributed/deferred.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "binding/error.h"
#include "binding/value.h"

namespace tc::distributed {

// How the threads of an environment's promises reach its event loop.
class Channel {
 public:
  static const std::shared_ptr<Channel>& of(napi_env env) {
    thread_local std::shared_ptr<Channel> channel;
    if (channel == nullptr || channel->function_ == nullptr) channel = std::make_shared<Channel>(env);
    return channel;
  }

  explicit Channel(napi_env env) : env_(env) {
    check(env, napi_create_threadsafe_function(env, nullptr, nullptr, js(env, std::string_view("torch-clip")), 0, 1,
                                               nullptr, nullptr, nullptr, &Channel::receive, &function_));
    check(env, napi_unref_threadsafe_function(env, function_));
  }

  // Hooks run in reverse order: this one before the function's own, which frees it.
  static void close_with_environment(const std::shared_ptr<Channel>& channel) {
    if (std::exchange(channel->hooked_, true)) return;
    auto owner = std::make_unique<std::shared_ptr<Channel>>(channel);
    check(channel->env_,
          napi_add_env_cleanup_hook(
              channel->env_,
              [](void* data) {
                const std::unique_ptr<std::shared_ptr<Channel>> owned(static_cast<std::shared_ptr<Channel>*>(data));
                const std::lock_guard lock((*owned)->mutex_);
                (*owned)->function_ = nullptr;
              },
              owner.get()));
    static_cast<void>(owner.release());
  }

  // On JavaScript's thread.
  void hold() {
    if (waiting_++ == 0) check(env_, napi_ref_threadsafe_function(env_, function_));
  }
  void let_go() {
    if (--waiting_ == 0) napi_unref_threadsafe_function(env_, function_);
  }

  void post(std::shared_ptr<Deferred> deferred) {
    const std::lock_guard lock(mutex_);
    if (function_ == nullptr) return;
    auto letter = std::make_unique<std::shared_ptr<Deferred>>(std::move(deferred));
    if (napi_call_threadsafe_function(function_, letter.get(), napi_tsfn_nonblocking) == napi_ok) {
      static_cast<void>(letter.release());
    }
  }

 private:
  static void receive(napi_env env, napi_value, void*, void* data) {
    const std::unique_ptr<std::shared_ptr<Deferred>> letter(static_cast<std::shared_ptr<Deferred>*>(data));
    if (env != nullptr) (*letter)->deliver(env);
  }

  napi_env env_;
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
  size_t waiting_ = 0;
  bool hooked_ = false;
};

namespace {

// One thread that rejects the promises whose time is up.
class Watchdog {
 public:
  static Watchdog& all() {
    // Never destroyed: its thread runs until the process ends.
    static Watchdog& watchdog = *std::make_unique<Watchdog>().release();
    return watchdog;
  }

  uint64_t add(std::chrono::milliseconds limit, std::weak_ptr<Deferred> deferred, std::string sentence) {
    // A wait until a time far away overflows in the standard library.
    const auto most = std::chrono::hours(24 * 365);
    const auto when = Clock::now() + std::min<std::chrono::milliseconds>(limit, most);
    const std::lock_guard lock(mutex_);
    if (!std::exchange(running_, true)) std::thread([this] { run(); }).detach();
    entries_.emplace(Key{when, ++last_}, Entry{std::move(deferred), std::move(sentence)});
    times_.emplace(last_, when);
    changed_.notify_one();
    return last_;
  }

  void remove(uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto time = times_.find(id);
    if (time == times_.end()) return;
    entries_.erase(Key{time->second, id});
    times_.erase(time);
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Key = std::pair<Clock::time_point, uint64_t>;
  struct Entry {
    std::weak_ptr<Deferred> deferred;
    std::string sentence;
  };

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (entries_.empty()) {
        wakes_ = Clock::time_point::max();
        changed_.wait(lock);
        continue;
      }
      const auto first = entries_.begin();
      // A copy: the wait looks at it again when the entry may have gone.
      if (const auto when = first->first.first; Clock::now() < when) {
        wakes_ = when;
        changed_.wait_until(lock, when);
        continue;
      }
      Entry entry = std::move(first->second);
      times_.erase(first->first.second);
      entries_.erase(first);
      lock.unlock();
      if (const auto deferred = entry.deferred.lock()) {
        deferred->reject(std::make_exception_ptr(Error("ERR_TIMEOUT", std::move(entry.sentence))));
      }
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Key, Entry> entries_;
  std::map<uint64_t, Clock::time_point> times_;
  uint64_t last_ = 0;
  // When the thread looks at the entries again by itself.
  Clock::time_point wakes_ = Clock::time_point::max();
  bool running_ = false;
};

}  // namespace

std::shared_ptr<Deferred> Deferred::make(napi_env env, napi_value& promise) {
  const auto& channel = Channel::of(env);
  Channel::close_with_environment(channel);
  auto made = std::make_shared<Deferred>(channel);
  check(env, napi_create_promise(env, &made->deferred_, &promise));
  channel->hold();
  return made;
}

Deferred::~Deferred() {
  if (const uint64_t id = watched_) Watchdog::all().remove(id);
}

void Deferred::resolve(Value value) {
  if (settled_.exchange(true)) return;
  value_ = std::move(value);
  settle();
}

void Deferred::reject(std::exception_ptr error) {
  if (settled_.exchange(true)) return;
  error_ = std::move(error);
  settle();
}

void Deferred::expire_after(std::chrono::milliseconds limit, std::string sentence) {
  watched_ = Watchdog::all().add(limit, weak_from_this(), std::move(sentence));
}

void Deferred::settle() { channel_->post(shared_from_this()); }

void Deferred::deliver(napi_env env) {
  channel_->let_go();
  kept.clear();
  try {
    if (error_ != nullptr) std::rethrow_exception(error_);
    check(env, napi_resolve_deferred(env, deferred_, value_ ? value_(env) : undefined(env)));
  } catch (...) {
    to_javascript(env);
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_reject_deferred(env, deferred_, error);
  }
  value_ = nullptr;
}

napi_value run_aside(napi_env env, std::chrono::milliseconds limit, std::string late, std::function<Value()> body) {
  napi_value promise;
  const auto deferred = Deferred::make(env, promise);
  deferred->expire_after(limit, std::move(late));
  const auto work = [deferred, body = std::move(body)] {
    try {
      deferred->resolve(body());
    } catch (...) {
      deferred->reject(std::current_exception());
    }
  };
  try {
    std::thread(work).detach();
  } catch (const std::exception&) {
    deferred->reject(std::make_exception_ptr(Error("ERR_OUT_OF_MEMORY", "no further thread can be started")));
  }
  return promise;
}

}  // namespace tc::distributed
