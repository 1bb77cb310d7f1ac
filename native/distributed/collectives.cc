// The collectives: one function that issues any of them, and three ways to learn that it is done.
#include <condition_variable>
#include <mutex>
#include <thread>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "binding/handle.h"
#include "binding/value.h"
#include "distributed/checked_gloo.h"
#include "distributed/deferred.h"
#include "distributed/failure.h"
#include "distributed/group.h"
#include "distributed/register.h"

// The names of libtorch 2.13, which later versions call deprecated and earlier ones alone have.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace tc::distributed {
namespace {

using std::chrono::milliseconds;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;
using Tensors = std::vector<at::Tensor>;

// A backend that rejects a promise itself does so at its time-out; this is for one that does not.
constexpr milliseconds kGrace{800};
// A wait until a time far away overflows in the standard library.
constexpr milliseconds kLongest = std::chrono::hours(24 * 365);

struct Call {
  std::vector<Tensors> outputs;
  Tensors inputs;
  c10d::ReduceOp op = c10d::ReduceOp::SUM;
  int root = 0;
  int tag = 0;
  milliseconds timeout = c10d::kUnsetTimeout;
  std::vector<int64_t> output_splits, input_splits;

  at::Tensor& input() {
    if (inputs.size() != 1) throw Error("ERR_ARGUMENT", "one tensor was expected");
    return inputs[0];
  }
  at::Tensor& output() {
    if (outputs.size() != 1 || outputs[0].size() != 1) throw Error("ERR_ARGUMENT", "one output was expected");
    return outputs[0][0];
  }
  template <class Options>
  Options options() const {
    Options made;
    made.timeout = timeout;
    if constexpr (requires { made.reduceOp; }) made.reduceOp = op;
    if constexpr (requires { made.rootRank; }) made.rootRank = root;
    return made;
  }
};

// Works of NCCL are done for the host when they are in a stream; to wait for one is to have the current stream wait.
bool on_streams(const c10d::ProcessGroup& group, const Call& call) {
  if (group.getBackendType() != c10d::ProcessGroup::BackendType::NCCL) return false;
  if (!call.inputs.empty()) return !call.inputs[0].is_cpu();
  return call.outputs.empty() || call.outputs[0].empty() || !call.outputs[0][0].is_cpu();
}

// Waits; what the group knows of ranks that differ comes before what Gloo says, and is why it aborts messages.
void await(c10d::Work& work, milliseconds timeout, const c10d::ProcessGroup& group) {
  const auto* gloo = CheckedGloo::of(group);
  const auto require_same = [&] {
    const auto difference = gloo == nullptr ? std::exception_ptr() : gloo->difference();
    if (difference) std::rethrow_exception(difference);
  };
  bool done = false;
  try {
    done = work.wait(timeout);
  } catch (const std::exception&) {
    require_same();
    throw;
  }
  if (!done) require_same();
}

// Gloo's time-out is that of each of a collective's messages; this bounds them together. With a limit, works of NCCL
// would hold the host.
void wait_for(c10d::Work& work, bool streamed, milliseconds timeout, const c10d::ProcessGroup& group) {
  if (streamed) {
    work.wait();
  } else {
    await(work, std::min(timeout, kLongest) + kGrace, group);
  }
}

struct Collective {
  std::string_view name;
  WorkPtr (*issue)(c10d::ProcessGroup& group, Call& call);
};

constexpr Collective kCollectives[] = {
    {"allReduce",
     [](c10d::ProcessGroup& g, Call& c) {
       c.input();
       return g.allreduce(c.inputs, c.options<c10d::AllreduceOptions>());
     }},
    {"broadcast",
     [](c10d::ProcessGroup& g, Call& c) {
       c.input();
       return g.broadcast(c.inputs, c.options<c10d::BroadcastOptions>());
     }},
    {"reduce",
     [](c10d::ProcessGroup& g, Call& c) {
       c.input();
       return g.reduce(c.inputs, c.options<c10d::ReduceOptions>());
     }},
    {"allGather",
     [](c10d::ProcessGroup& g, Call& c) {
       c.input();
       return g.allgather(c.outputs, c.inputs, c.options<c10d::AllgatherOptions>());
     }},
    {"allGatherIntoTensor",
     [](c10d::ProcessGroup& g, Call& c) {
       return g._allgather_base(c.output(), c.input(), c.options<c10d::AllgatherOptions>());
     }},
    {"gather",
     [](c10d::ProcessGroup& g, Call& c) {
       c.input();
       return g.gather(c.outputs, c.inputs, c.options<c10d::GatherOptions>());
     }},
    {"scatter",
     [](c10d::ProcessGroup& g, Call& c) {
       Tensors out{c.output()};
       std::vector<Tensors> in;
       if (!c.inputs.empty()) in.push_back(c.inputs);
       return g.scatter(out, in, c.options<c10d::ScatterOptions>());
     }},
    {"reduceScatter",
     [](c10d::ProcessGroup& g, Call& c) {
       Tensors out{c.output()};
       std::vector<Tensors> in{c.inputs};
       return g.reduce_scatter(out, in, c.options<c10d::ReduceScatterOptions>());
     }},
    {"reduceScatterTensor",
     [](c10d::ProcessGroup& g, Call& c) {
       return g._reduce_scatter_base(c.output(), c.input(), c.options<c10d::ReduceScatterOptions>());
     }},
    {"allToAll",
     [](c10d::ProcessGroup& g, Call& c) {
       if (c.outputs.size() != 1) throw Error("ERR_ARGUMENT", "a list of outputs was expected");
       return g.alltoall(c.outputs[0], c.inputs, c.options<c10d::AllToAllOptions>());
     }},
    {"allToAllSingle",
     [](c10d::ProcessGroup& g, Call& c) {
       return g.alltoall_base(c.output(), c.input(), c.output_splits, c.input_splits,
                              c.options<c10d::AllToAllOptions>());
     }},
    {"send",
     [](c10d::ProcessGroup& g, Call& c) {
       c.input();
       return g.send(c.inputs, c.root, c.tag);
     }},
    {"recv",
     [](c10d::ProcessGroup& g, Call& c) {
       Tensors out{c.output()};
       return c.root < 0 ? g.recvAnysource(out, c.tag) : g.recv(out, c.root, c.tag);
     }},
    {"barrier", [](c10d::ProcessGroup& g, Call& c) { return g.barrier(c.options<c10d::BarrierOptions>()); }},
};

// Whether a work is done, and with what error; for JavaScript to ask and to wait for.
class Progress {
 public:
  void finish(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
    done_ = true;
    changed_.notify_all();
  }
  bool done() const {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  // False where `limit` came first.
  bool wait(milliseconds limit) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, limit, [&] { return done_; })) return false;
    if (error_ != nullptr) std::rethrow_exception(error_);
    return true;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr error_;
  bool done_ = false;
};

struct WorkObject {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x633130645f776f72};
  static constexpr const char* kNoun = "the work of a process group";

  std::shared_ptr<Progress> progress = std::make_shared<Progress>();
  std::string what;
};

// The tensor without autograd's graph, which knows nothing of other ranks.
at::Tensor to_tensor(napi_env env, napi_value value) { return unwrap(env, value).detach(); }

Tensors to_tensors(napi_env env, napi_value value, const char* what) {
  Tensors tensors(array_length(env, value, what));
  for (uint32_t i = 0; i < tensors.size(); ++i) tensors[i] = to_tensor(env, element(env, value, i));
  return tensors;
}

void note_written(const at::Tensor& tensor) {
  if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

Call read_call(napi_env env, Args& args) {
  Call call;
  call.outputs.resize(array_length(env, args[2], "outputs"));
  for (uint32_t i = 0; i < call.outputs.size(); ++i) {
    call.outputs[i] = to_tensors(env, element(env, args[2], i), "outputs");
  }
  call.inputs = to_tensors(env, args[3], "inputs");
  const Ints numbers = to_ints(env, args[4], "numbers");
  if (numbers.size() != 4) throw Error("ERR_ARGUMENT", "\"numbers\" must be an array of 4");
  if (numbers[0] < 0 || numbers[0] > c10d::ReduceOp::BXOR) throw Error("ERR_ARGUMENT", "\"op\" is unknown");
  call.op = c10d::ReduceOp(static_cast<c10d::ReduceOp::RedOpType>(numbers[0]));
  if (std::abs(numbers[1]) > INT32_MAX || std::abs(numbers[2]) > INT32_MAX) {
    throw Error("ERR_ARGUMENT", "a rank or tag is too large");
  }
  call.root = static_cast<int>(numbers[1]);
  call.tag = static_cast<int>(numbers[2]);
  if (numbers[3] > 0) call.timeout = milliseconds(numbers[3]);
  if (!is_nullish(env, args[5])) {
    for (const int64_t size : to_ints(env, element(env, args[5], 0), "splits")) call.output_splits.push_back(size);
    for (const int64_t size : to_ints(env, element(env, args[5], 1), "splits")) call.input_splits.push_back(size);
  }
  return call;
}

// The rank that a message came from; only works of messages know it, and the others throw, which takes long.
int source_of(const WorkPtr& work, bool receives) {
  if (!receives) return -1;
  try {
    return work->sourceRank();
  } catch (const std::exception&) {
    return -1;
  }
}

// Calls `done` once, on a thread of the backend or on one that waits.
template <class Done>
void when_done(const WorkPtr& work, const c10::intrusive_ptr<c10d::ProcessGroup>& group, Done done) {
  c10::intrusive_ptr<c10::ivalue::Future> future;
  try {
    future = work->getFuture();
  } catch (const std::exception&) {
    // Sends and receives have none.
  }
  if (future) {
    future->addCallback(
        [done](c10::ivalue::Future& f) { done(f.hasError() ? f.exception_ptr() : std::exception_ptr()); });
    return;
  }
  std::thread([work, group, done] {
    std::exception_ptr error;
    try {
      await(*work, kNoTimeout, *group);
    } catch (...) {
      error = std::current_exception();
    }
    done(error);
  }).detach();
}

// collective(group, name, outputs, inputs, [op, root, tag, timeout], splits, mode): 'wait' returns when it is done,
// 'promise' returns a promise and 'work' [work, promise]. Each gives the rank that a message came from, or -1.
napi_value collective(napi_env env, Args& args) {
  const auto group = group_of(env, args[0]);
  const std::string name = to_string(env, args[1], "name");
  const auto* found =
      std::find_if(std::begin(kCollectives), std::end(kCollectives), [&](auto& c) { return c.name == name; });
  if (found == std::end(kCollectives)) throw Error("ERR_ARGUMENT", "there is no collective \"" + name + "\"");
  Call call = read_call(env, args);
  const std::string mode = to_string(env, args[6], "mode");
  const milliseconds timeout = call.timeout.count() > 0 ? call.timeout : group->timeout;
  const std::string what = name + "() of rank " + std::to_string(group->rank);
  const bool receives = name == "recv";
  const bool writes_inputs = name == "allReduce" || name == "broadcast" || name == "reduce";
  const bool only_reads = name == "send" || (name == "broadcast" && call.root == group->rank);
  const auto live = group->live();
  const bool streamed = on_streams(*live, call);
  const WorkPtr work = reporting(what, timeout, [&] { return found->issue(*live, call); });
  Tensors written;
  for (const auto& list : call.outputs) written.insert(written.end(), list.begin(), list.end());
  if (writes_inputs) written.insert(written.end(), call.inputs.begin(), call.inputs.end());
  for (const at::Tensor& tensor : written) note_written(tensor);
  if (mode == "wait") {
    reporting(what, timeout, [&] { wait_for(*work, streamed, timeout, *live); });
    return js(env, static_cast<int64_t>(source_of(work, receives)));
  }

  napi_value promise;
  const auto deferred = Deferred::make(env, promise);
  deferred->kept = std::move(call.inputs);
  for (auto& list : call.outputs) deferred->kept.insert(deferred->kept.end(), list.begin(), list.end());
  deferred->expire_after(timeout + kGrace, late_sentence(what, timeout));
  auto handle = std::make_unique<WorkObject>();
  handle->what = what;
  // The stream that is current when the promise is settled waits, so that what the program calls next comes after it.
  const WorkPtr joined = streamed ? work : WorkPtr();
  // What has looked at them meanwhile has not seen what they hold now.
  if (streamed || only_reads) written.clear();
  when_done(work, live,
            [deferred, joined, written = std::move(written), progress = handle->progress, work, what, timeout,
             receives](std::exception_ptr error) {
              for (const at::Tensor& tensor : written) note_written(tensor);
              if (error != nullptr) error = failure_of(error, what, timeout);
              progress->finish(error);
              if (error != nullptr) {
                deferred->reject(error);
              } else {
                deferred->resolve([rank = source_of(work, receives), joined](napi_env env) {
                  if (joined) joined->wait();
                  return js(env, static_cast<int64_t>(rank));
                });
              }
            });
  if (mode != "work") return promise;
  const napi_value pair = make_array(env, 2);
  set(env, pair, size_t{0}, to_object(env, std::move(handle)));
  set(env, pair, size_t{1}, promise);
  return pair;
}

napi_value work_done(napi_env env, Args& args) {
  return js(env, from_object<WorkObject>(env, args[0]).progress->done());
}

// workWait(work, timeout)
napi_value work_wait(napi_env env, Args& args) {
  const auto& work = from_object<WorkObject>(env, args[0]);
  const milliseconds limit(to_int64(env, args[1], "timeout"));
  const auto progress = work.progress;
  const std::string what = work.what;
  if (!progress->wait(limit)) throw Error("ERR_TIMEOUT", late_sentence(what, limit));
  return undefined(env);
}

// monitoredBarrier(group, timeout, waitAllRanks, wait)
napi_value monitored_barrier(napi_env env, Args& args) {
  const auto group = group_of(env, args[0]);
  c10d::BarrierOptions options;
  const milliseconds timeout(to_int64(env, args[1], "timeout"));
  options.timeout = timeout;
  const bool all = to_bool(env, args[2], "waitAllRanks");
  const std::string what = "monitoredBarrier() of rank " + std::to_string(group->rank);
  const auto live = group->live();
  const auto body = [live, options, all, what, timeout]() -> Value {
    reporting(what, timeout, [&] { live->monitoredBarrier(options, all); });
    return {};
  };
  if (!to_bool(env, args[3], "wait")) {
    return run_aside(env, timeout + kGrace, late_sentence(what, timeout), body);
  }
  body();
  return undefined(env);
}

}  // namespace

void register_collectives(napi_env env, napi_value exports) {
  define(env, exports, "collective", guarded<collective>);
  define(env, exports, "workDone", guarded<work_done>);
  define(env, exports, "workWait", guarded<work_wait>);
  define(env, exports, "monitoredBarrier", guarded<monitored_barrier>);
}

}  // namespace tc::distributed
