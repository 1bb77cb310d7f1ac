// DistributedDataParallel: libtorch's Reducer, which averages gradients bucket by bucket while a backward pass goes on.
#include <ATen/ops/full.h>
#include <torch/csrc/autograd/engine.h>

#include <atomic>
#include <torch/csrc/distributed/c10d/default_comm_hooks.hpp>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "binding/autograd/callback.h"
#include "binding/handle.h"
#include "binding/value.h"
#include "distributed/deferred.h"
#include "distributed/failure.h"
#include "distributed/group.h"
#include "distributed/register.h"

namespace tc::distributed {
namespace {

using Tensors = std::vector<at::Tensor>;

// Tells whether a backward pass has failed, of which the reducer itself learns nothing: it would wait for the rest of
// that pass in the next one.
class PassWatch : public std::enable_shared_from_this<PassWatch> {
 public:
  PassWatch(std::shared_ptr<c10d::Reducer> reducer, const Tensors& parameters) : reducer_(std::move(reducer)) {
    parameters_ = parameters;
  }
  PassWatch(const PassWatch&) = delete;
  PassWatch& operator=(const PassWatch&) = delete;
  ~PassWatch() {
    for (size_t i = 0; i < hooks_.size(); ++i) {
      try {
        parameters_[i].remove_hook(hooks_[i]);
      } catch (const c10::Error&) {
        // The hooks of the parameter are gone already.
      }
    }
  }

  // Apart from the constructor: the hooks know this object without keeping it.
  void begin() {
    for (const at::Tensor& parameter : parameters_) {
      hooks_.push_back(parameter.register_hook([watch = weak_from_this()](const at::Tensor&) {
        if (const auto alive = watch.lock()) alive->gradient();
      }));
    }
  }

  // Whether the backward passes to come are the reducer's.
  void expect(bool averages) { expects_ = averages; }
  bool failed() const { return failed_; }

 private:
  // Queued callbacks run at the end of a pass that succeeds, and are destroyed with any pass.
  struct Pass {
    std::weak_ptr<PassWatch> watch;
    bool ended = false;
    ~Pass() {
      const auto alive = ended ? nullptr : watch.lock();
      if (alive != nullptr) alive->fail();
    }
  };

  void gradient() {
    if (!expects_ || !pass_.expired()) return;
    const auto pass = std::make_shared<Pass>();
    pass->watch = weak_from_this();
    pass_ = pass;
    auto& engine = torch::autograd::Engine::get_default_engine();
    // Behind what the reducer queues itself, when the last gradient has come.
    engine.queue_callback([pass, &engine] { engine.queue_callback([pass] { pass->ended = true; }); });
  }

  void fail() {
    failed_ = true;
    // Not to take part in passes that another reducer averages.
    reducer_->reset_state();
  }

  std::shared_ptr<c10d::Reducer> reducer_;
  Tensors parameters_;
  std::vector<unsigned> hooks_;
  std::weak_ptr<Pass> pass_;
  std::atomic<bool> expects_ = false, failed_ = false;
};

struct ReducerObject {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x633130645f726564};
  static constexpr const char* kNoun = "a reducer";

  std::shared_ptr<c10d::Reducer> reducer;
  std::shared_ptr<c10d::Logger> logger;
  std::shared_ptr<PassWatch> watch;
  std::shared_ptr<Group> group;
};

Tensors to_tensors(napi_env env, napi_value value, const char* what) {
  Tensors tensors(array_length(env, value, what));
  for (uint32_t i = 0; i < tensors.size(); ++i) tensors[i] = unwrap(env, element(env, value, i));
  return tensors;
}

std::vector<bool> to_bools(napi_env env, napi_value value, const char* what) {
  std::vector<bool> bools(array_length(env, value, what));
  for (uint32_t i = 0; i < bools.size(); ++i) bools[i] = to_bool(env, element(env, value, i), what);
  return bools;
}

// Sends each bucket in bfloat16, which halves the traffic and keeps fp32's range.
class Bf16Hook : public c10d::CppCommHookInterface<c10::intrusive_ptr<c10d::ProcessGroup>> {
 public:
  using CppCommHookInterface::CppCommHookInterface;

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    const at::Tensor& buffer = bucket.getBuffer();
    at::Tensor narrow = buffer.to(at::kBFloat16);
    // Divided first, so that the sum stays within range.
    narrow.div_(state_->getSize());
    Tensors tensors{narrow};
    const auto sum = state_->allreduce(tensors)->getFuture();
    return sum->then(
        [wide = buffer](c10::ivalue::Future& done) -> c10::IValue {
          const c10::IValue value = done.value();
          const at::Tensor arrived = value.isTensorList() ? value.toTensorVector().at(0) : value.toTensor();
          wide.copy_(arrived);
          return c10::IValue(Tensors{wide});
        },
        c10::ListType::create(c10::TensorType::get()));
  }
};

// A function of JavaScript that is given a bucket's index, whether it is the last, its gradients in one piece and one
// by one, and returns them reduced, in one piece. Backward passes run on its thread.
class JavaScriptHook : public c10d::CppCommHookInterface<std::shared_ptr<Callback>> {
 public:
  using CppCommHookInterface::CppCommHookInterface;

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    const at::Tensor& buffer = bucket.getBuffer();
    const CallScope scope(state_);
    const napi_env env = scope.env();
    const Tensors gradients = bucket.getGradients();
    const napi_value each = make_array(env, gradients.size(), [&](size_t i) { return wrap(env, gradients[i]); });
    const napi_value answer =
        scope.call({js(env, int64_t(bucket.getIndex())), js(env, bucket.isLast()), wrap(env, buffer), each});
    const at::Tensor reduced = unwrap(env, answer).detach();
    if (reduced.scalar_type() != buffer.scalar_type() || reduced.numel() != buffer.numel() ||
        reduced.device() != buffer.device() || reduced.layout() != buffer.layout()) {
      throw Error(
          "ERR_SHAPE",
          "a communication hook must return a tensor with the elements, the dtype, the layout and the device of "
          "the bucket");
    }
    auto future = c10::make_intrusive<c10::ivalue::Future>(c10::ListType::create(c10::TensorType::get()));
    // Sparse gradients cannot be reshaped.
    const bool same = reduced.sizes() == buffer.sizes();
    future->markCompleted(c10::IValue(Tensors{same ? reduced : reduced.reshape(buffer.sizes())}));
    return future;
  }
};

struct Parameters {
  Tensors tensors;
  std::vector<bool> sparse;
  std::unordered_map<size_t, std::string> names;
};

Parameters read_parameters(napi_env env, Args& args) {
  Parameters p;
  p.tensors = to_tensors(env, args[1], "parameters");
  p.sparse = to_bools(env, args[2], "sparse");
  const uint32_t names = array_length(env, args[3], "names");
  if (p.tensors.empty() || p.sparse.size() != p.tensors.size() || names != p.tensors.size()) {
    throw Error("ERR_ARGUMENT", "each parameter needs a name and a flag");
  }
  for (uint32_t i = 0; i < names; ++i) {
    const at::Tensor& t = p.tensors[i];
    if (!t.defined() || !t.is_leaf() || !t.requires_grad()) {
      throw Error("ERR_ARGUMENT", "a parameter must be a leaf that requires gradients");
    }
    p.names.emplace(i, to_string(env, element(env, args[3], i), "names"));
  }
  return p;
}

// reducerMake(group, parameters, sparse, names, [bucketBytes, firstBucketBytes], findUnused, bucketView, staticGraph)
napi_value reducer_make(napi_env env, Args& args) {
  const auto group = group_of(env, args[0]);
  const auto live = group->live();
  Parameters p = read_parameters(env, args);
  const Ints bytes = to_ints(env, args[4], "bytes");
  if (bytes.size() != 2 || bytes[0] < 1 || bytes[1] < 1)
    throw Error("ERR_ARGUMENT", "\"bytes\" must be 2 integers >= 1");
  const size_t cap = static_cast<size_t>(bytes[0]), first = static_cast<size_t>(bytes[1]);
  const bool find_unused = to_bool(env, args[5], "findUnusedParameters");
  const bool view = to_bool(env, args[6], "gradientAsBucketView");
  const bool fixed = to_bool(env, args[7], "staticGraph");
  // Where buckets are laid out again after the first step, by the order in which gradients come, one holds all until
  // then.
  const std::vector<size_t> limits =
      fixed || !find_unused ? std::vector<size_t>{static_cast<size_t>(INT64_MAX)} : std::vector<size_t>{first, cap};
  auto [buckets, per_bucket] = c10d::compute_bucket_assignment_by_size(p.tensors, limits, p.sparse, {}, {});
  std::reverse(buckets.begin(), buckets.end());
  auto made = std::make_unique<ReducerObject>();
  made->group = group;
  made->reducer = std::make_shared<c10d::Reducer>(p.tensors, std::move(buckets), live, p.sparse,
                                                  static_cast<int64_t>(cap), find_unused, view, p.names,
                                                  static_cast<int64_t>(first), /*skip_all_reduce_unused_params=*/false,
                                                  /*use_python_reducer=*/false, std::vector<int64_t>{});
  made->watch = std::make_shared<PassWatch>(made->reducer, p.tensors);
  made->watch->begin();
  made->logger = std::make_shared<c10d::Logger>(made->reducer);
  made->reducer->set_logger(made->logger);
  made->logger->set_construction_data_and_log("DistributedDataParallel", {}, -1, true, false, fixed);
  if (fixed) {
    made->reducer->set_static_graph();
    made->logger->set_static_graph();
  }
  return to_object(env, std::move(made));
}

// reducerVerify(group, parameters): throws where rank 0 has others; blocks.
napi_value reducer_verify(napi_env env, Args& args) {
  const auto group = group_of(env, args[0]);
  const auto live = group->live();
  const Tensors tensors = to_tensors(env, args[1], "parameters");
  const std::string what = "DistributedDataParallel of rank " + std::to_string(group->rank);
  reporting(what, group->timeout, [&] { c10d::verify_params_across_processes(live, tensors, std::nullopt); });
  return undefined(env);
}

// broadcastCoalesced(group, tensors, bytes, root): blocks.
napi_value broadcast_coalesced(napi_env env, Args& args) {
  const auto group = group_of(env, args[0]);
  const auto live = group->live();
  Tensors tensors = to_tensors(env, args[1], "tensors");
  if (tensors.empty()) return undefined(env);
  // Without their version counters: buffers that a graph has saved may be overwritten here, as PyTorch does.
  for (at::Tensor& t : tensors) t = t.variable_data();
  const int64_t bytes = to_int64(env, args[2], "bytes");
  const int64_t root = to_int64(env, args[3], "root");
  if (bytes < 1 || root < 0 || root >= group->size)
    throw Error("ERR_ARGUMENT", "\"bytes\" or \"root\" is out of range");
  reporting("broadcast() of rank " + std::to_string(group->rank), group->timeout,
            [&] { c10d::broadcast_coalesced(live, tensors, static_cast<size_t>(bytes), static_cast<int>(root)); });
  return undefined(env);
}

// reducerForward(reducer, synchronizes): before a forward pass that records a graph.
napi_value reducer_forward(napi_env env, Args& args) {
  const auto& r = from_object<ReducerObject>(env, args[0]);
  r.group->live();
  const bool synchronizes = to_bool(env, args[1], "synchronizes");
  r.watch->expect(false);
  const auto [reducer, logger] = std::pair(r.reducer, r.logger);
  reporting("DistributedDataParallel of rank " + std::to_string(r.group->rank), r.group->timeout, [&] {
    if (synchronizes) {
      logger->set_runtime_stats_and_log();
      reducer->prepare_for_forward();
    }
    reducer->rebuild_buckets();
  });
  return undefined(env);
}

// reducerFailed(reducer): whether a backward pass that it was to average has failed. Such a reducer does nothing more.
napi_value reducer_failed(napi_env env, Args& args) {
  const auto& r = from_object<ReducerObject>(env, args[0]);
  r.group->live();
  return js(env, r.watch->failed());
}

// reducerDelay(reducer, outputs): the first backward pass of a static graph only learns which parameters take part, and
// averages when it is over.
napi_value reducer_delay(napi_env env, Args& args) {
  const auto& r = from_object<ReducerObject>(env, args[0]);
  const auto queued = std::make_shared<std::atomic<bool>>(false);
  for (const at::Tensor& output : to_tensors(env, args[1], "outputs")) {
    if (!output.requires_grad()) continue;
    output.register_hook([reducer = std::weak_ptr<c10d::Reducer>(r.reducer), queued](const at::Tensor&) {
      if (queued->exchange(true)) return;
      torch::autograd::Engine::get_default_engine().queue_callback([reducer] {
        if (const auto alive = reducer.lock()) alive->delay_all_reduce();
      });
    });
  }
  return undefined(env);
}

// reducerBackward(reducer, outputs): after a forward pass whose gradients are to be averaged; outputs where parameters
// may be unused.
napi_value reducer_backward(napi_env env, Args& args) {
  const auto& r = from_object<ReducerObject>(env, args[0]);
  r.reducer->prepare_for_backward(to_tensors(env, args[1], "outputs"));
  r.watch->expect(true);
  return undefined(env);
}

// reducerHook(reducer, hook): a name or a function
napi_value reducer_hook(napi_env env, Args& args) {
  const auto& r = from_object<ReducerObject>(env, args[0]);
  napi_valuetype type;
  check(env, napi_typeof(env, args[1], &type));
  if (type == napi_function) {
    r.reducer->register_comm_hook(std::make_unique<JavaScriptHook>(Callback::of(env, args[1])));
    return undefined(env);
  }
  const std::string name = to_string(env, args[1], "hook");
  if (name == "bf16") {
    r.reducer->register_comm_hook(std::make_unique<Bf16Hook>(r.group->live()));
  } else if (name == "fp16") {
    r.reducer->register_builtin_comm_hook(c10d::BuiltinCommHookType::FP16_COMPRESS);
  } else {
    throw Error("ERR_ARGUMENT", "there is no communication hook \"" + name + "\"");
  }
  return undefined(env);
}

// reducerActive(reducer, joined, keepsSize): how many ranks have inputs left, as a rank that has none, or takes part as
// one that has; the means of the next backward pass are then over all ranks, or over these.
napi_value reducer_active(napi_env env, Args& args) {
  const auto& r = from_object<ReducerObject>(env, args[0]);
  const bool joined = to_bool(env, args[1], "joined"), keeps_size = to_bool(env, args[2], "keepsSize");
  const auto live = r.group->live();
  return reporting("join() of rank " + std::to_string(r.group->rank), r.group->timeout, [&] {
    Tensors one{at::full({1}, joined ? 0 : 1, at::kInt)};
    const auto work = live->allreduce(one);
    if (!joined) {
      r.reducer->set_forward_pass_work_handle(work, keeps_size);
      return undefined(env);
    }
    work->wait();
    return js(env, int64_t(one[0].item<int>()));
  });
}

// reducerMatch(reducer, findUnused): the collectives of a backward pass of the other ranks, with zeros.
napi_value reducer_match(napi_env env, Args& args) {
  const auto& r = from_object<ReducerObject>(env, args[0]);
  const auto live = r.group->live();
  const auto reducer = r.reducer;
  const bool find_unused = to_bool(env, args[1], "findUnused");
  reporting("join() of rank " + std::to_string(r.group->rank), r.group->timeout, [&] {
    std::vector<c10::intrusive_ptr<c10::ivalue::Future>> under;
    auto buckets = reducer->get_grad_buckets(/*return_zero_tensors=*/true);
    for (auto& bucket : buckets) under.push_back(reducer->run_comm_hook(bucket));
    for (const auto& future : under) future->waitAndThrow();
    if (find_unused) {
      Tensors used{reducer->get_local_used_map_on_device().zero_()};
      live->allreduce(used)->wait();
    }
    reducer->push_rebuilt_params_for_all_indices();
  });
  return undefined(env);
}

}  // namespace

void register_reducer(napi_env env, napi_value exports) {
  define(env, exports, "reducerMake", guarded<reducer_make>);
  define(env, exports, "reducerVerify", guarded<reducer_verify>);
  define(env, exports, "broadcastCoalesced", guarded<broadcast_coalesced>);
  define(env, exports, "reducerForward", guarded<reducer_forward>);
  define(env, exports, "reducerFailed", guarded<reducer_failed>);
  define(env, exports, "reducerDelay", guarded<reducer_delay>);
  define(env, exports, "reducerBackward", guarded<reducer_backward>);
  define(env, exports, "reducerHook", guarded<reducer_hook>);
  define(env, exports, "reducerActive", guarded<reducer_active>);
  define(env, exports, "reducerMatch", guarded<reducer_match>);
}

}  // namespace tc::distributed
