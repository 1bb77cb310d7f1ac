#include "distributed/exchange.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <future>
#include <thread>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "distributed/failure.h"

namespace tc::distributed {
namespace {

using optim::Parts;
using optim::Span;
using std::chrono::milliseconds;
using Tensors = std::vector<at::Tensor>;

// A wait until a time far away overflows in the standard library.
constexpr milliseconds kLongest = std::chrono::hours(24 * 365);
// Below that a thread costs more than it saves.
constexpr int64_t kWorthThread = int64_t{1} << 18;
constexpr int64_t kGrain = 32768;

c10::ScalarType type_of(optim::Dtype dtype) {
  switch (dtype) {
    case optim::Dtype::kDouble:
      return at::kDouble;
    case optim::Dtype::kHalf:
      return at::kHalf;
    case optim::Dtype::kBFloat16:
      return at::kBFloat16;
    default:
      return at::kFloat;
  }
}

at::Tensor packed(const std::vector<Span>& spans, c10::ScalarType type) {
  int64_t bytes = 0;
  for (const Span& span : spans) bytes += span.bytes;
  at::Tensor copy = at::empty({bytes / int64_t(c10::elementSize(type))}, type);
  char* to = static_cast<char*>(copy.mutable_data_ptr());
  for (const Span& span : spans) {
    if (span.data == nullptr) {
      std::memset(to, 0, size_t(span.bytes));
    } else {
      std::memcpy(to, span.data, size_t(span.bytes));
    }
    to += span.bytes;
  }
  return copy;
}

// The means of numbers [begin, end) of all ranks, whose order is that of the sum, so that it does not depend on whose
// it is. The first rank's become the means.
template <class T>
void average_range(const Tensors& numbers, int64_t begin, int64_t end) {
  using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
  std::array<Wide, 1024> sum;
  const auto size = Wide(numbers.size());
  for (int64_t at = begin; at < end; at += int64_t(sum.size())) {
    const int64_t count = std::min<int64_t>(int64_t(sum.size()), end - at);
    T* const first = numbers[0].mutable_data_ptr<T>() + at;
    for (int64_t i = 0; i < count; ++i) sum[size_t(i)] = Wide(first[i]);
    for (size_t r = 1; r < numbers.size(); ++r) {
      const T* const other = numbers[r].const_data_ptr<T>() + at;
      for (int64_t i = 0; i < count; ++i) sum[size_t(i)] += Wide(other[i]);
    }
    for (int64_t i = 0; i < count; ++i) first[i] = T(sum[size_t(i)] / size);
  }
}

using AverageRange = void (*)(const Tensors& numbers, int64_t begin, int64_t end);
AverageRange average_range_of(c10::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return average_range<double>;
    case at::kHalf:
      return average_range<c10::Half>;
    case at::kBFloat16:
      return average_range<c10::BFloat16>;
    default:
      return average_range<float>;
  }
}

// What is under way. A thread may outlive the one who asked, and whatever else there is.
struct Transfer {
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
  Tensors numbers;  // of each rank: those in this one's part

  // A limit for each message.
  void run(milliseconds limit, bool parallel) {
    for (const auto& work : works) work->wait(limit);
    works.clear();
    const AverageRange average = average_range_of(numbers[0].scalar_type());
    const int64_t count = numbers[0].numel();
    if (parallel) {
      at::parallel_for(0, count, kGrain, [&](int64_t begin, int64_t end) { average(numbers, begin, end); });
    } else {
      average(numbers, 0, count);
    }
    numbers.resize(1);
  }
};

class Exchange : public optim::Averaging {
 public:
  Exchange(std::shared_ptr<Group> group, std::string what, const Parts& parts, optim::Dtype dtype, int32_t channel)
      : group_(std::move(group)), what_(std::move(what)), transfer_(std::make_shared<Transfer>()) {
    const int rank = group_->rank, size = group_->size;
    const c10::ScalarType type = type_of(dtype);
    const int tag = kFirstExchangeTag + channel;
    const at::Tensor own = packed(parts[size_t(rank)], type);
    Tensors& numbers = transfer_->numbers;
    for (int r = 0; r < size; ++r) numbers.push_back(r == rank ? own : at::empty_like(own));
    bytes_ = int64_t(own.nbytes()) * size;
    if (size == 1) return;
    const auto live = group_->live();
    // Each begins with the rank after its own, so that not all send to the same one.
    for (int i = 1; i < size && own.numel() > 0; ++i) {
      const int source = (rank + size - i) % size;
      Tensors into{numbers[size_t(source)]};
      transfer_->works.push_back(reported([&] { return live->recv(into, source, tag); }));
    }
    for (int i = 1; i < size; ++i) {
      const int target = (rank + i) % size;
      Tensors from{packed(parts[size_t(target)], type)};
      if (from[0].numel() == 0) continue;
      bytes_ += int64_t(from[0].nbytes());
      transfer_->works.push_back(reported([&] { return live->send(from, target, tag); }));
    }
  }

  // Messages are received to their end, so that those after them are understood.
  ~Exchange() override {
    if (transfer_->works.empty() || ended_.valid() || finished_) return;
    try {
      start();
    } catch (const std::exception&) {
      group_->spoil();
    }
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void aside() override {
    if (bytes_ >= kWorthThread) start();
  }

  at::Tensor finish() override {
    finished_ = true;
    reported([&] {
      if (!ended_.valid()) return transfer_->run(std::min(group_->timeout, kLongest), true);
      if (ended_.wait_for(std::min(group_->timeout, kLongest)) == std::future_status::timeout) {
        group_->spoil();
        throw Error("ERR_TIMEOUT", late_sentence(call(), group_->timeout));
      }
      ended_.get();
    });
    return transfer_->numbers[0];
  }

 private:
  void start() {
    std::packaged_task<void()> task([transfer = transfer_] { transfer->run(kLongest, false); });
    ended_ = task.get_future();
    std::thread(std::move(task)).detach();
  }

  std::string call() const { return "a call of " + what_ + " of rank " + std::to_string(group_->rank); }
  template <class Body>
  std::invoke_result_t<const Body&> reported(const Body& body) const {
    return reporting(call(), group_->timeout, body);
  }

  std::shared_ptr<Group> group_;
  std::string what_;
  std::shared_ptr<Transfer> transfer_;
  std::future<void> ended_;  // of a thread's
  int64_t bytes_ = 0;
  bool finished_ = false;
};

}  // namespace

std::unique_ptr<optim::Averaging> average(const std::shared_ptr<Group>& group, const std::string& what,
                                          const Parts& parts, optim::Dtype dtype, int32_t channel) {
  return std::make_unique<Exchange>(group, what, parts, dtype, channel);
}

}  // namespace tc::distributed
