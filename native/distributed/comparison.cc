#include "distributed/comparison.h"

#include <ATen/core/ivalue.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <optional>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>

#include "error.h"

namespace tc::distributed {
namespace {

using std::chrono::milliseconds;
using FuturePtr = c10::intrusive_ptr<c10::ivalue::Future>;

constexpr milliseconds kPatience{1000};
constexpr milliseconds kTick{200};
const std::string kDifference = "difference";

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }
std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

// The thread that looks at the calls of all groups.
class Lookout {
 public:
  static Lookout& all() {
    // Never destroyed: its thread runs until the process ends.
    static Lookout& lookout = *std::make_unique<Lookout>().release();
    return lookout;
  }
  void add(const std::shared_ptr<Comparison>& comparison) {
    const std::lock_guard lock(mutex_);
    comparisons_.push_back(comparison);
    if (!std::exchange(running_, true)) std::thread([this] { run(); }).detach();
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      std::erase_if(comparisons_, [](const auto& one) { return one.expired(); });
      changed_.wait(lock, [&] { return !comparisons_.empty(); });
      const auto copy = comparisons_;
      lock.unlock();
      for (const auto& weak : copy) {
        if (const auto comparison = weak.lock()) comparison->look();
      }
      std::this_thread::sleep_for(kTick);
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::weak_ptr<Comparison>> comparisons_;
  bool running_ = false;
};

// A work that ends with another, or before it.
class Followed : public c10d::Work {
 public:
  Followed(c10::intrusive_ptr<c10d::Work> inner, const FuturePtr& of)
      : inner_(std::move(inner)), future_(c10::make_intrusive<c10::ivalue::Future>(of->elementType())) {}

  void end(std::exception_ptr error, std::optional<c10::IValue> value) {
    if (ended_.exchange(true)) return;
    if (error) {
      future_->setError(error);
    } else {
      future_->markCompleted(std::move(*value));
    }
    finish(error);
  }

  FuturePtr getFuture() override { return future_; }
  std::vector<at::Tensor> result() override { return inner_->result(); }
  uint64_t getSequencenumber() const override { return inner_->getSequencenumber(); }
  void synchronize() override {}

 private:
  const c10::intrusive_ptr<c10d::Work> inner_;
  const FuturePtr future_;
  std::atomic<bool> ended_ = false;
};

FuturePtr future_of(c10d::Work& work) {
  try {
    return work.getFuture();
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace

// One rank keeps the store of all, which many ask more rarely.
Comparison::Comparison(c10::intrusive_ptr<c10d::Store> store, int rank, int size, milliseconds timeout)
    : store_(std::move(store)),
      rank_(rank),
      patience_(std::min(kPatience, timeout / 4)),
      interval_(std::max(kTick, milliseconds(size))) {}

std::shared_ptr<Comparison> Comparison::begin(c10::intrusive_ptr<c10d::Store> store, int rank, int size,
                                              milliseconds timeout) {
  std::shared_ptr<Comparison> made(new Comparison(std::move(store), rank, size, timeout));
  Lookout::all().add(made);
  return made;
}

uint64_t Comparison::place() const {
  const std::lock_guard lock(mutex_);
  return places_;
}

void Comparison::require_same() const {
  const std::lock_guard lock(mutex_);
  if (told_) std::rethrow_exception(error_);
}

std::exception_ptr Comparison::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

Comparison::WorkPtr Comparison::follow(std::string call, const WorkPtr& work, bool on_host) {
  const FuturePtr future = on_host ? future_of(*work) : FuturePtr();
  const auto followed = future ? c10::make_intrusive<Followed>(work, future) : c10::intrusive_ptr<Followed>();
  bool told = false;
  {
    const std::lock_guard lock(mutex_);
    const uint64_t place = places_++;
    if (!followed) return work;
    add("call/" + std::to_string(place), std::move(call), false, followed);
    told = told_;
  }
  if (told) followed->end(error_, std::nullopt);
  // At once, where it has ended.
  future->addCallback([followed, self = weak_from_this()](c10::ivalue::Future& f) {
    if (f.hasError()) {
      const auto comparison = self.lock();
      const auto error = comparison ? comparison->error() : nullptr;
      followed->end(error ? error : f.exception_ptr(), std::nullopt);
    } else {
      followed->end(nullptr, f.constValue());
    }
  });
  return followed;
}

void Comparison::follow_message(int from, int to, int tag, std::string call, const WorkPtr& work) {
  const std::lock_guard lock(mutex_);
  const uint64_t count = messages_[{from, to, tag}]++;
  add("message/" + std::to_string(from) + "/" + std::to_string(to) + "/" + std::to_string(tag) + "/" +
          std::to_string(count),
      std::move(call), true, work);
  if (told_) work->abort();
}

void Comparison::follow_any(const WorkPtr& work) {
  const std::lock_guard lock(mutex_);
  add({}, {}, true, work);
  if (told_) work->abort();
}

void Comparison::settle() {
  std::vector<WorkPtr> works;
  {
    const std::lock_guard lock(mutex_);
    for (const Under& under : under_) {
      if (WorkPtr work = under.is_message ? WorkPtr() : under.work.lock()) works.push_back(std::move(work));
    }
  }
  for (const WorkPtr& work : works) {
    try {
      work->wait();
    } catch (const std::exception&) {
      // Whoever made the call is told.
    }
  }
}

bool Comparison::leave() {
  // For a moment: the store may not answer any more.
  const std::unique_lock looking(looking_, kTick);
  std::vector<std::string> done;
  {
    const std::lock_guard lock(mutex_);
    store_.reset();
    if (!looking) return false;
    forget();
    done.swap(done_);
    if (error_) done.clear();
  }
  try {
    for (const std::string& key : done) asked_->deleteKey(key);
  } catch (const std::exception&) {
    // It has gone, with its keys.
  }
  asked_.reset();
  return true;
}

void Comparison::add(std::string key, std::string call, bool is_message, const WorkPtr& work) {
  if (under_.size() >= most_) {
    forget();
    most_ = std::max<size_t>(16, 2 * under_.size());
  }
  under_.push_back({std::move(key), std::move(call), is_message, c10::weak_intrusive_ptr<c10d::Work>(work),
                    Clock::now() + patience_});
}

void Comparison::forget() {
  std::erase_if(under_, [&](const Under& under) {
    const WorkPtr work = under.work.lock();
    // The work of a message is not completed before somebody waits for it; it is let go afterwards.
    if (work && (under.is_message || !work->isCompleted())) return false;
    if (under.written) done_.push_back(under.key);
    return true;
  });
}

// What all ranks are to be told, or nothing.
std::string Comparison::compare(c10d::Store& store, Under& under) const {
  const std::string mine = std::to_string(rank_) + "\n" + under.call;
  const std::string there = text_of(store.compareSet(under.key, {}, bytes_of(mine)));
  under.compared = true;
  under.written = there == mine;
  const size_t end = there.find('\n');
  if (end == std::string::npos || there.substr(end + 1) == under.call) return {};
  const std::string other = there.substr(end + 1) + " on rank " + there.substr(0, end);
  const std::string own = under.call + " on rank " + std::to_string(rank_);
  const bool first = std::stoi(there.substr(0, end)) < rank_;
  const std::string sentence = "the ranks of the process group call different things: " + (first ? other : own) +
                               ", and " + (first ? own : other);
  return text_of(store.compareSet(kDifference, {}, bytes_of(sentence)));
}

void Comparison::look() {
  const std::lock_guard looking(looking_);
  c10::intrusive_ptr<c10d::Store> store;
  std::vector<Under> due;
  std::vector<std::string> done;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (told_ || !store_ || now < next_) return;
    next_ = now + interval_;
    store = store_;
    if (!error_) {
      forget();
      done.swap(done_);
      // Of collectives, the first: the others wait for it.
      bool had = false;
      for (const Under& under : under_) {
        if (under.key.empty() || (!under.is_message && std::exchange(had, true))) continue;
        if (now >= under.due) due.push_back(under);
      }
    }
  }
  if (error()) return tell();
  try {
    if (due.empty() && done.empty()) return;
    if (!asked_) asked_ = store->clone();
    for (const std::string& key : done) asked_->deleteKey(key);
    std::unordered_map<std::string_view, bool> compared;
    for (Under& under : due) {
      // A collective once more: the rank that wrote it may have come to its end, and have taken it back.
      if (under.written || (under.is_message && under.compared)) continue;
      if (const std::string difference = compare(*asked_, under); !difference.empty()) return found(difference);
      compared.emplace(under.key, under.written);
    }
    if (!compared.empty()) {
      const std::lock_guard lock(mutex_);
      for (Under& under : under_) {
        const auto one = compared.find(under.key);
        if (one != compared.end()) under.compared = true, under.written = one->second;
      }
    }
    if (!due.empty() && asked_->check({kDifference})) found(text_of(asked_->get(kDifference)));
  } catch (const std::exception&) {
    // The store has gone, with the rank that keeps it: calls end by themselves.
  }
}

void Comparison::found(const std::string& difference) {
  const std::lock_guard lock(mutex_);
  error_ = std::make_exception_ptr(
      Error("ERR_DISTRIBUTED", difference + "; all must make the same calls in the same order"));
  // A program may end when it is told, and close what the other ranks learn it by.
  next_ += 2 * interval_;
}

void Comparison::tell() {
  std::vector<std::pair<WorkPtr, bool>> works;
  {
    const std::lock_guard lock(mutex_);
    told_ = true;
    for (const Under& under : under_) {
      if (WorkPtr work = under.work.lock()) works.emplace_back(std::move(work), under.is_message);
    }
  }
  for (const auto& [work, is_message] : works) {
    if (is_message) {
      work->abort();
    } else {
      static_cast<Followed&>(*work).end(error_, std::nullopt);
    }
  }
}

}  // namespace tc::distributed
