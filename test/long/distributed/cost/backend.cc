// A backend of c10d without a network: it counts what one rank of many would send, and adds up how long the usual algorithms
// would take by a latency and a bandwidth. Groups that use it are found by their name in c10d's registry.
#include <node_api.h>

#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

namespace {

using Tensors = std::vector<at::Tensor>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

struct Cost {
  double calls = 0, messages = 0, bytes = 0;  // of one rank that sends as a ring does
  double ring = 0, tree = 0;                  // seconds
};

struct Done : c10d::Work {
  explicit Done(c10::intrusive_ptr<c10::ivalue::Future> future) : future_(std::move(future)) {}
  bool isCompleted() override { return true; }
  bool isSuccess() const override { return true; }
  bool wait(std::chrono::milliseconds) override { return true; }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future_; }

 private:
  c10::intrusive_ptr<c10::ivalue::Future> future_;
};

class CostBackend : public c10d::Backend {
 public:
  CostBackend(int rank, int size, double latency, double bandwidth)
      : Backend(rank, size), latency_(latency), bandwidth_(bandwidth) {}

  const std::string getBackendName() const override { return "cost"; }

  // Reduced and gathered around a ring, or up and down a tree.
  WorkPtr allreduce(Tensors& tensors, const c10d::AllreduceOptions&) override {
    const double n = getSize(), total = double(tensors[0].nbytes());
    add("allReduce", 2 * (n - 1), 2 * (n - 1) / n * total, 2 * levels() * hop(total));
    return done(tensors);
  }
  WorkPtr broadcast(Tensors& tensors, const c10d::BroadcastOptions&) override {
    const double total = double(tensors[0].nbytes());
    add("broadcast", getSize() - 1, total, levels() * hop(total));
    return done(tensors);
  }
  WorkPtr allgather(std::vector<Tensors>& outputs, Tensors& inputs, const c10d::AllgatherOptions&) override {
    for (auto& output : outputs[0]) output.copy_(inputs[0]);
    gathered(double(inputs[0].nbytes()));
    return done(outputs[0]);
  }
  WorkPtr _allgather_base(at::Tensor& output, at::Tensor& input, const c10d::AllgatherOptions&) override {
    output.view({getSize(), -1}).copy_(input.view({1, -1}));
    gathered(double(input.nbytes()));
    Tensors tensors{output};
    return done(tensors);
  }
  // One of a rank's messages to each of the others.
  WorkPtr send(Tensors& tensors, int, int) override {
    const double total = double(tensors[0].nbytes());
    add("send", 1, total, hop(total));
    return done(tensors);
  }
  WorkPtr recv(Tensors& tensors, int, int) override {
    tensors[0].zero_();
    return done(tensors);
  }
  // Every rank sends each other one its piece.
  WorkPtr alltoall_base(at::Tensor& output, at::Tensor& input, std::vector<int64_t>&, std::vector<int64_t>&,
                        const c10d::AllToAllOptions&) override {
    output.copy_(input);
    const double n = getSize(), piece = double(input.nbytes()) / n;
    add("allToAll", n - 1, (n - 1) * piece, (n - 1) * hop(piece));
    Tensors tensors{output};
    return done(tensors);
  }
  WorkPtr barrier(const c10d::BarrierOptions&) override {
    Tensors none{at::zeros({1})};
    add("barrier", 2 * (getSize() - 1), 0, 2 * levels() * latency_);
    return done(none);
  }

  std::map<std::string, Cost> costs;

 private:
  double levels() const { return std::ceil(std::log2(double(getSize()))); }
  double hop(double bytes) const { return latency_ + bytes / bandwidth_; }

  void gathered(double piece) {
    const double n = getSize();
    // A tree's pieces double from level to level.
    add("allGather", n - 1, (n - 1) * piece, levels() * latency_ + (n - 1) * piece / bandwidth_);
  }
  void add(const std::string& name, double messages, double bytes, double tree) {
    if (getSize() == 1) return;
    Cost& cost = costs[name];
    cost.calls += 1;
    cost.messages += messages;
    cost.bytes += bytes;
    cost.ring += messages * latency_ + bytes / bandwidth_;
    cost.tree += tree;
  }
  static WorkPtr done(Tensors& tensors) {
    auto future = c10::make_intrusive<c10::ivalue::Future>(c10::ListType::create(c10::TensorType::get()));
    future->markCompleted(c10::IValue(tensors));
    return c10::make_intrusive<Done>(std::move(future));
  }

  double latency_, bandwidth_;
};

// The registry does not keep groups alive.
struct Made {
  c10::intrusive_ptr<CostBackend> backend;
  c10::intrusive_ptr<c10d::ProcessGroup> group;
};
std::map<std::string, Made>& made() {
  static std::map<std::string, Made> all;
  return all;
}

std::string text(napi_env env, napi_value value) {
  char buffer[64];
  size_t length = 0;
  napi_get_value_string_utf8(env, value, buffer, sizeof buffer, &length);
  return {buffer, length};
}
double number(napi_env env, napi_value value) {
  double x = 0;
  napi_get_value_double(env, value, &x);
  return x;
}

// make(name, rank, size, latency, bandwidth)
napi_value make(napi_env env, napi_callback_info info) {
  size_t count = 5;
  napi_value args[5];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  const std::string name = text(env, args[0]);
  const int rank = int(number(env, args[1])), size = int(number(env, args[2]));
  try {
    auto backend = c10::make_intrusive<CostBackend>(rank, size, number(env, args[3]), number(env, args[4]));
    auto group = c10::make_intrusive<c10d::ProcessGroup>(c10::make_intrusive<c10d::HashStore>(), rank, size);
    group->setDefaultBackend(c10d::ProcessGroup::BackendType::CUSTOM);
    group->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::CUSTOM, backend);
    group->setGroupName(name);
    c10d::register_process_group(name, group);
    made()[name] = {backend, group};
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

// take(name): { [collective]: [calls, messages, bytes, ring, tree] } since the last time.
napi_value take(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, result;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  napi_create_object(env, &result);
  auto& costs = made().at(text(env, argument)).backend->costs;
  for (const auto& [name, cost] : costs) {
    napi_value list;
    napi_create_array(env, &list);
    uint32_t i = 0;
    for (const double x : {cost.calls, cost.messages, cost.bytes, cost.ring, cost.tree}) {
      napi_value value;
      napi_create_double(env, x, &value);
      napi_set_element(env, list, i++, value);
    }
    napi_set_named_property(env, result, name.c_str(), list);
  }
  costs.clear();
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value value;
  napi_create_function(env, "make", NAPI_AUTO_LENGTH, make, nullptr, &value);
  napi_set_named_property(env, exports, "make", value);
  napi_create_function(env, "take", NAPI_AUTO_LENGTH, take, nullptr, &value);
  napi_set_named_property(env, exports, "take", value);
  return exports;
}
