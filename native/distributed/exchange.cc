#include "distributed/exchange.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <future>
#include <system_error>
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

int64_t length_of(const std::vector<Span>& spans) {
  int64_t bytes = 0;
  for (const Span& span : spans) bytes += span.bytes;
  return bytes;
}

at::Tensor packed(const std::vector<Span>& spans, c10::ScalarType type) {
  at::Tensor copy = at::empty({length_of(spans) / int64_t(c10::elementSize(type))}, type);
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

// Messages under way. They are received to their end even where nobody asks for it, so that those after them are
// understood.
class Messages {
 public:
  Messages(std::shared_ptr<Group> group, const std::string& what, int32_t channel)
      : group_(std::move(group)),
        call_("a call of " + what + " of rank " + std::to_string(group_->rank)),
        tag_(kFirstExchangeTag + channel),
        works_(std::make_shared<Works>()) {
    if (size() > 1) live_ = group_->live();
  }
  ~Messages() {
    if (ended_.valid() || works_->empty()) return;
    try {
      aside([] {});
    } catch (const std::exception&) {
    }
    if (!ended_.valid()) group_->spoil();
  }
  Messages(const Messages&) = delete;
  Messages& operator=(const Messages&) = delete;

  int rank() const { return group_->rank; }
  int size() const { return group_->size; }
  // The other ranks, each process beginning with another, so that not all send to the same one.
  int target(int i) const { return (rank() + i) % size(); }
  int source(int i) const { return (rank() + size() - i) % size(); }

  void receive(const at::Tensor& into, int rank) {
    if (into.numel() == 0) return;
    Tensors tensors{into};
    works_->push_back(reported([&] { return live_->recv(tensors, rank, tag_); }));
  }
  void send(const at::Tensor& from, int rank) {
    if (from.numel() == 0) return;
    Tensors tensors{from};
    works_->push_back(reported([&] { return live_->send(tensors, rank, tag_); }));
  }
  // Has a thread wait for all of them and then call `after`, whatever becomes of this object. Without a thread `finish`
  // waits.
  void aside(std::function<void()> after) {
    std::packaged_task<void()> task([works = works_, after = std::move(after)] {
      wait(*works, kLongest);
      after();
    });
    std::future<void> ended = task.get_future();
    try {
      std::thread(std::move(task)).detach();
    } catch (const std::system_error&) {
      return;
    }
    ended_ = std::move(ended);
  }
  // Waits for that thread, or here.
  void finish(const std::function<void()>& after) {
    const milliseconds limit = std::min(group_->timeout, kLongest);
    reported([&] {
      if (!ended_.valid()) {
        wait(*works_, limit);
        return after();
      }
      if (ended_.wait_for(limit) == std::future_status::timeout) {
        group_->spoil();
        throw Error("ERR_TIMEOUT", late_sentence(call_, group_->timeout));
      }
      ended_.get();
    });
  }

 private:
  using Works = std::vector<c10::intrusive_ptr<c10d::Work>>;

  // A limit for each.
  static void wait(Works& works, milliseconds limit) {
    for (const auto& work : std::exchange(works, {})) work->wait(limit);
  }
  template <class Body>
  std::invoke_result_t<const Body&> reported(const Body& body) const {
    return reporting(call_, group_->timeout, body);
  }

  std::shared_ptr<Group> group_;
  std::string call_;
  int tag_;
  c10::intrusive_ptr<c10d::ProcessGroup> live_;
  std::shared_ptr<Works> works_;
  std::future<void> ended_;
};

class Average : public optim::Averaging {
 public:
  Average(const std::shared_ptr<Group>& group, const std::string& what, const Parts& parts, optim::Dtype dtype,
          int32_t channel)
      : messages_(group, what, channel), numbers_(std::make_shared<Tensors>()) {
    const c10::ScalarType type = type_of(dtype);
    const int rank = messages_.rank(), size = messages_.size();
    const at::Tensor own = packed(parts[size_t(rank)], type);
    for (int r = 0; r < size; ++r) numbers_->push_back(r == rank ? own : at::empty_like(own));
    bytes_ = int64_t(own.nbytes()) * size;
    // Before the first message, as all of them have to follow it.
    Tensors others;
    for (int i = 1; i < size; ++i) {
      others.push_back(packed(parts[size_t(messages_.target(i))], type));
      bytes_ += int64_t(others.back().nbytes());
    }
    for (int i = 1; i < size; ++i) messages_.receive((*numbers_)[size_t(messages_.source(i))], messages_.source(i));
    for (int i = 1; i < size; ++i) messages_.send(others[size_t(i - 1)], messages_.target(i));
  }

  void aside() override {
    if (bytes_ < kWorthThread) return;
    messages_.aside([numbers = numbers_] { average(*numbers, false); });
  }
  at::Tensor finish() override {
    messages_.finish([this] { average(*numbers_, true); });
    return numbers_->front();
  }

 private:
  // Of which the first rank's become the means.
  static void average(Tensors& numbers, bool parallel) {
    const AverageRange range = average_range_of(numbers[0].scalar_type());
    const int64_t count = numbers[0].numel();
    if (parallel) {
      at::parallel_for(0, count, kGrain, [&](int64_t begin, int64_t end) { range(numbers, begin, end); });
    } else {
      range(numbers, 0, count);
    }
    numbers.resize(1);
  }

  Messages messages_;
  std::shared_ptr<Tensors> numbers_;  // of each rank: those in this one's part
  int64_t bytes_ = 0;                 // of all messages
};

class Spread : public optim::Sending {
 public:
  Spread(const std::shared_ptr<Group>& group, const std::string& what, Parts parts, int32_t channel)
      : messages_(group, what, channel), parts_(std::move(parts)), received_(parts_.size()) {
    if (messages_.size() == 1) return;
    const at::Tensor own = packed(parts_[size_t(messages_.rank())], at::kByte);
    for (int i = 1; i < messages_.size(); ++i) {
      const auto source = size_t(messages_.source(i));
      received_[source] = at::empty({length_of(parts_[source])}, at::kByte);
    }
    for (int i = 1; i < messages_.size(); ++i) {
      messages_.receive(received_[size_t(messages_.source(i))], messages_.source(i));
    }
    for (int i = 1; i < messages_.size(); ++i) messages_.send(own, messages_.target(i));
  }

  void finish() override {
    messages_.finish([this] {
      for (size_t r = 0; r < parts_.size(); ++r) {
        if (!received_[r].defined()) continue;
        const char* from = static_cast<const char*>(received_[r].const_data_ptr());
        for (const Span& span : parts_[r]) {
          std::memcpy(span.data, from, size_t(span.bytes));
          from += span.bytes;
        }
      }
    });
  }

 private:
  Messages messages_;
  Parts parts_;
  Tensors received_;
};

}  // namespace

std::unique_ptr<optim::Averaging> average(const std::shared_ptr<Group>& group, const std::string& what,
                                          const Parts& parts, optim::Dtype dtype, int32_t channel) {
  return std::make_unique<Average>(group, what, parts, dtype, channel);
}

std::unique_ptr<optim::Sending> spread(const std::shared_ptr<Group>& group, const std::string& what, Parts parts,
                                       int32_t channel) {
  return std::make_unique<Spread>(group, what, std::move(parts), channel);
}

}  // namespace tc::distributed
