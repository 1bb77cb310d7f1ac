// What the ranks of a group call, compared. Nothing is sent for it until a call takes long.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <tuple>
#include <vector>

namespace tc::distributed {

// The calls of one rank. One that is under way for a second, or a quarter of the group's time-out, is written to the
// store, by the rank that is first. A rank that finds another call there in the place of its own tells all.
class Comparison : public std::enable_shared_from_this<Comparison> {
 public:
  using WorkPtr = c10::intrusive_ptr<c10d::Work>;

  static std::shared_ptr<Comparison> begin(c10::intrusive_ptr<c10d::Store> store, int rank, int size,
                                           std::chrono::milliseconds timeout);

  // How many collectives there have been: the same on all ranks.
  uint64_t place() const;
  // Throws ERR_DISTRIBUTED where this rank has been told that they differ.
  void require_same() const;
  // Takes that place. The work that it returns ends with an error where the ranks differ; `work` may go on. Works of
  // GPUs are returned as they are, because their streams are waited for as well.
  WorkPtr follow(std::string call, const WorkPtr& work, bool on_host);
  // The same for a message, whose work is aborted.
  void follow_message(int from, int to, int tag, std::string call, const WorkPtr& work);
  // Of a message from any rank: it is not compared, as nobody knows which one it is to be.
  void follow_any(const WorkPtr& work);
  std::exception_ptr error() const;

  // Waits for the collectives that are under way, until the ranks are found to differ.
  void settle();
  // Asks the store nothing more; false where an answer has not come yet. What this rank has written is gone afterwards,
  // unless others are to read it.
  bool leave();

  // From time to time, on a thread of its own.
  void look();

 private:
  using Clock = std::chrono::steady_clock;
  struct Under {
    std::string key, call;
    bool is_message = false;
    c10::weak_intrusive_ptr<c10d::Work> work;
    Clock::time_point due;
    bool compared = false, written = false;
  };

  Comparison(c10::intrusive_ptr<c10d::Store> store, int rank, int size, std::chrono::milliseconds timeout);
  void add(std::string key, std::string call, bool is_message, const WorkPtr& work);
  void forget();
  std::string compare(c10d::Store& store, Under& under) const;
  void found(const std::string& difference);
  void tell();

  c10::intrusive_ptr<c10d::Store> store_;
  // The same over a connection of its own, which no other call keeps busy; made for the first question.
  c10::intrusive_ptr<c10d::Store> asked_;
  const int rank_;
  const std::chrono::milliseconds patience_, interval_;
  std::timed_mutex looking_;  // for asked_
  mutable std::mutex mutex_;
  uint64_t places_ = 0;
  std::map<std::tuple<int, int, int>, uint64_t> messages_;
  std::vector<Under> under_;
  size_t most_ = 16;
  std::vector<std::string> done_;  // keys that this rank has written
  Clock::time_point next_;
  std::exception_ptr error_;
  bool told_ = false;
};

}  // namespace tc::distributed
