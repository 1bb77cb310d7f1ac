// The ranks of a process group as the engine's peers, for optimizers whose elements they share.
#include "distributed/peers.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <type_traits>

#include "binding/optim/support.h"
#include "distributed/checked_gloo.h"
#include "distributed/exchange.h"
#include "distributed/failure.h"
#include "distributed/group.h"
#include "distributed/register.h"
#include "distributed/sharded_parameters.h"

// The names of libtorch 2.13, which later versions call deprecated and earlier ones alone have.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace tc::distributed {
namespace {

using optim::Parts;
using optim::Span;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;
using Tensors = std::vector<at::Tensor>;

// What one collective moves through this process, so that buffers stay small.
constexpr int64_t kBucket = int64_t{32} << 20;
constexpr int64_t kLeast = int64_t{1} << 16;

int64_t length_of(const std::vector<Span>& spans) {
  int64_t bytes = 0;
  for (const Span& span : spans) bytes += span.bytes;
  return bytes;
}

// Spans as one stream of bytes, from which pieces are taken one after the other.
class Stream {
 public:
  explicit Stream(const std::vector<Span>& spans) : spans_(&spans) {}

  // Calls move(memory, bytes) for at most `count` bytes.
  template <class F>
  void take(int64_t count, const F& move) {
    while (count > 0 && next_ < spans_->size()) {
      const Span& span = (*spans_)[next_];
      const int64_t part = std::min(count, span.bytes - inside_);
      if (part > 0) move(span.data + inside_, part);
      count -= part;
      inside_ += part;
      if (inside_ < span.bytes) return;
      inside_ = 0;
      ++next_;
    }
  }
  void read(char* into, int64_t count) {
    take(count, [&](const char* from, int64_t bytes) {
      std::memcpy(into, from, size_t(bytes));
      into += bytes;
    });
  }
  void write(const char* from, int64_t count) {
    take(count, [&](char* into, int64_t bytes) {
      std::memcpy(into, from, size_t(bytes));
      from += bytes;
    });
  }

 private:
  const std::vector<Span>* spans_;
  size_t next_ = 0;
  int64_t inside_ = 0;
};

const auto kBytes = at::TensorOptions().dtype(at::kByte);
at::Tensor bytes(int64_t count) { return at::empty({count}, kBytes); }
// Of which a piece that is shorter than the longest leaves the rest 0.
at::Tensor blank(int64_t count) { return at::zeros({count}, kBytes); }
char* data_of(const at::Tensor& tensor) { return static_cast<char*>(tensor.mutable_data_ptr()); }

class GroupPeers : public optim::Peers {
 public:
  GroupPeers(std::shared_ptr<Group> group, std::string what) : group_(std::move(group)), what_(std::move(what)) {}

  int rank() const override { return group_->rank; }
  int size() const override { return group_->size; }

  using optim::Peers::meet;
  Facts meet(int32_t what, Facts here) override {
    if (size() == 1) return here;
    // Of one length whatever comes after it: Gloo ends processes whose messages have other lengths.
    std::vector<int32_t> numbers{what, -what, here.first, here.second};
    largest(numbers);
    if (numbers[0] == -numbers[1]) return {numbers[2] != 0, numbers[3] != 0};
    group_->spoil();
    throw Error("ERR_DISTRIBUTED",
                "the ranks do different things: the calls of sharded optimizers and the forward and backward passes of "
                "fully sharded modules must be the same on all, in one order");
  }

  void gather(const Parts& parts) override {
    if (size() == 1) return;
    const auto live = group_->live();
    Stream own(parts[size_t(rank())]);
    std::vector<Stream> all(parts.begin(), parts.end());
    Buckets buckets(*this, parts, [&](int64_t length) {
      const at::Tensor out = blank(length), in = bytes(length * size());
      own.read(data_of(out), length);
      at::Tensor target = in, source = out;
      const WorkPtr work = reported([&] { return live->_allgather_base(target, source); });
      return Under{work, [this, &all, in, out, length] {
                     for (int r = 0; r < size(); ++r) {
                       if (r != rank()) all[size_t(r)].write(data_of(in) + r * length, length);
                     }
                   }};
    });
    buckets.finish();
  }

  std::unique_ptr<optim::Averaging> average(const Parts& parts, optim::Dtype dtype, int32_t channel) override {
    return distributed::average(group_, what_, parts, dtype, channel);
  }
  std::unique_ptr<optim::Sending> spread(Parts parts, int32_t channel) override {
    return distributed::spread(group_, what_, std::move(parts), channel);
  }
  int32_t reserve(int32_t channels) override { return group_->reserve(channels); }

  void largest(std::vector<int32_t>& numbers) override {
    if (size() == 1 || numbers.empty()) return;
    const auto live = group_->live();
    Tensors tensors{at::from_blob(numbers.data(), {int64_t(numbers.size())}, at::kInt)};
    c10d::AllreduceOptions options;
    options.reduceOp = c10d::ReduceOp::MAX;
    const auto issue = [&]() -> WorkPtr { return live->allreduce(tensors, options); };
    // Ranks that do something else meanwhile are told what this is part of.
    const std::string name =
        "a call of a sharded optimizer or module, of " + std::to_string(numbers.size()) + " numbers";
    CheckedGloo* const gloo = CheckedGloo::of(*live);
    const WorkPtr work = reported([&] { return gloo != nullptr ? gloo->named(name, issue) : issue(); });
    reported([&] { work->wait(); });
  }

 private:
  // A collective under way, and what is done with its result.
  struct Under {
    WorkPtr work;
    std::function<void()> finish;
  };

  // Cuts what each process has into pieces of equal length, the longest's number of them, and keeps two under way.
  class Buckets {
   public:
    Buckets(const GroupPeers& peers, const Parts& parts, std::function<Under(int64_t length)> issue)
        : peers_(peers), issue_(std::move(issue)) {
      for (const auto& spans : parts) longest_ = std::max(longest_, length_of(spans));
      most_ = std::max(kLeast, kBucket / peers.size());
    }

    void begin() {
      for (; under_.size() < 2 && at_ < longest_; at_ += most_) {
        under_.push_back(issue_(std::min(most_, longest_ - at_)));
      }
    }
    void finish() {
      for (begin(); !under_.empty(); begin()) {
        const Under first = std::move(under_.front());
        under_.pop_front();
        peers_.end(first);
      }
    }

   private:
    const GroupPeers& peers_;
    std::function<Under(int64_t)> issue_;
    std::deque<Under> under_;
    int64_t at_ = 0, longest_ = 0, most_ = 0;
  };

  void end(const Under& under) const {
    reported([&] { under.work->wait(); });
    under.finish();
  }
  template <class Body>
  std::invoke_result_t<const Body&> reported(const Body& body) const {
    return reporting("a call of " + what_ + " of rank " + std::to_string(group_->rank), group_->timeout, body);
  }

  std::shared_ptr<Group> group_;
  std::string what_;
};

// optimShare(optimizer, group, average, signature, modules): of fully sharded modules, as they are, whose parameters
// the optimizer has.
napi_value share(napi_env env, Args& args) {
  const auto group = group_of(env, args[1]);
  group->live();
  optim::Optimizer& shared = optimizer(env, args[0]);
  const auto modules = to_sharded(env, args[4]);
  // The parameters of a module are a block; the others' are divided, so that one is sent while there is work for the
  // next.
  std::vector<size_t> blocks(shared.parameters(), modules.size());
  for (size_t m = 0; m < modules.size(); ++m) {
    if (&modules[m]->group() != group.get()) {
      throw Error("ERR_ARGUMENT", "a sharded optimizer and its fully sharded modules must have the same group");
    }
    for (size_t k = 0; k < blocks.size(); ++k) {
      if (modules[m]->has(shared.value(k))) blocks[k] = m;
    }
  }
  const bool average = to_bool(env, args[2], "average");
  shared.divide(group->size, blocks);
  const optim::Shares shares = shared.shares_of(group->size, blocks);
  const RangeOf range_of = [&](const at::Tensor& value, int process) -> std::optional<optim::Range> {
    for (size_t k = 0; k < blocks.size(); ++k) {
      if (shared.value(k).is_same(value)) return shares.of(k, process);
    }
    return std::nullopt;
  };
  for (const auto& module : modules) module->require_movable(range_of);
  shared.share(peers_of(group, "the sharded optimizer"), average, to_string(env, args[3], "signature"), blocks);
  for (const auto& module : modules) module->take_over(range_of);
  return undefined(env);
}

// optimArrived(optimizer, parameter): a backward pass has added to its gradient.
napi_value arrived(napi_env env, Args& args) {
  optim::Optimizer& shared = optimizer(env, args[0]);
  shared.arrived(size_t(choice(env, args[1], "parameter", int64_t(shared.parameters()))));
  return undefined(env);
}

// optimEarly(optimizer): [used, wasted], how many averages that backward passes have begun.
napi_value early(napi_env env, Args& args) {
  const auto [used, wasted] = optimizer(env, args[0]).early();
  const int64_t counts[] = {used, wasted};
  return make_array(env, 2, [&](size_t i) { return js(env, counts[i]); });
}

// optimFail(optimizer): instead of a step that the other ranks take.
napi_value fail(napi_env env, Args& args) {
  optimizer(env, args[0]).fail();
  return undefined(env);
}

}  // namespace

std::unique_ptr<optim::Peers> peers_of(std::shared_ptr<Group> group, std::string what) {
  return std::make_unique<GroupPeers>(std::move(group), std::move(what));
}

void register_peers(napi_env env, napi_value exports) {
  define(env, exports, "optimShare", guarded<share>);
  define(env, exports, "optimArrived", guarded<arrived>);
  define(env, exports, "optimEarly", guarded<early>);
  define(env, exports, "optimFail", guarded<fail>);
}

}  // namespace tc::distributed
