#include "optim/cuda/gradients.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <utility>

namespace tc::optim::cuda {
namespace {

std::shared_ptr<const PlanTables> make_tables(const Plan& plan, c10::Device device) {
  const Share all{[](const Item&) { return true; }, {}};
  return std::make_shared<PlanTables>(plan, plan.items, std::vector<Group>(1), false, device, all);
}

// The tables of the last few lists. They depend on the tensors' sizes and dtypes alone, not on where they lie, so that
// the gradients of one model have the same ones in each step, and in a capture, where each table would be many
// launches.
class Known {
 public:
  std::shared_ptr<const PlanTables> of(const Plan& plan, c10::Device device) {
    const auto stream = c10::cuda::getCurrentCUDAStream(device.index()).stream();
    const bool captured = capturing(stream);
    Key key;
    for (const Item& item : plan.items) key.emplace_back(item.numel, item.dtype);
    const std::lock_guard lock(mutex_);
    const auto same = [&](const Entry& entry) { return entry.device == device && entry.key == key; };
    const auto found = std::find_if(entries_.begin(), entries_.end(), same);
    if (found != entries_.end()) {
      // Everything that was sent before a capture has arrived when it begins.
      if (!captured) found->sent.wait(device);
      // A graph may be replayed as long as the process lives.
      found->kept = found->kept || captured;
      // Here, as other threads may have the same tables.
      found->tables->use();
      entries_.splice(entries_.begin(), entries_, found);
      return found->tables;
    }
    auto tables = make_tables(plan, device);
    // What is made in a capture is the graph's.
    if (captured) return tables;
    entries_.push_front({std::move(key), device, tables, {}, false});
    entries_.front().sent.record(device);
    forget();
    return tables;
  }

 private:
  using Key = std::vector<std::pair<int64_t, Dtype>>;
  struct Entry {
    Key key;
    c10::Device device;
    std::shared_ptr<const PlanTables> tables;
    Moment sent;
    bool kept;  // by a graph
  };
  static constexpr int kMost = 8;

  void forget() {
    int others = 0;
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      entry = !entry->kept && ++others > kMost ? entries_.erase(entry) : std::next(entry);
    }
  }

  std::mutex mutex_;
  std::list<Entry> entries_;  // the last used first
};

Known& known() {
  // Never destroyed: the driver may be gone by then.
  static Known& all = *std::make_unique<Known>().release();
  return all;
}

}  // namespace

Gradients::Gradients(const Plan& plan, c10::Device device) : device_(device) {
  const c10::cuda::CUDAGuard guard(device);
  plan_.share(known().of(plan, device), device);
  std::vector<void*> addresses;
  for (const Item& item : plan.items) addresses.push_back(item.grad);
  addresses_.send(addresses, device);
  plan_.follow({addresses_.data(), addresses_.data(), nullptr});
  control_.send({Control{}}, device);
}

at::Tensor Gradients::norm(double p) {
  const c10::cuda::CUDAGuard guard(device_);
  const auto stream = c10::cuda::getCurrentCUDAStream(device_.index()).stream();
  Job job{plan_.pass(), nullptr, stream};
  job.pass.order = p;
  for (const Launch& launch : plan_.launches()) reduce(job, launch, order_of(p));
  Verdict verdict{};
  verdict.plan = plan_.view();
  verdict.control = control_.data();
  verdict.order = p;
  verdict.first = true;
  finish_units(verdict, stream);
  return at::from_blob(verdict.plan.norms, {}, at::TensorOptions().dtype(c10::kDouble).device(device_)).clone();
}

void Gradients::clip(const at::Tensor& coefficient, double limit) {
  const c10::cuda::CUDAGuard guard(device_);
  const std::vector<double> limits{limit};
  Buffer<double> limit_on_device;
  limit_on_device.send(limits, device_);
  Job job{plan_.pass(), nullptr, c10::cuda::getCurrentCUDAStream(device_.index()).stream()};
  job.pass.coefficient = coefficient.const_data_ptr<double>();
  job.pass.limit = limit_on_device.data();
  for (const Launch& launch : plan_.launches()) cuda::clip(job, launch);
}

}  // namespace tc::optim::cuda
