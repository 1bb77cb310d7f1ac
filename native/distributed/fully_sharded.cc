// The parameters of fully sharded modules, and the backward passes that reach them, as JavaScript's objects.
#include <torch/csrc/autograd/engine.h>

#include "binding/autograd/callback.h"
#include "binding/autograd/lists.h"
#include "binding/func/wrapped.h"
#include "binding/handle.h"
#include "binding/owning_object.h"
#include "distributed/register.h"
#include "distributed/sharded_parameters.h"
#include "optim/partial_memory.h"
#include "optim/tensor_view.h"

namespace tc::distributed {
namespace {

struct ShardedObject {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x6673647020706172};
  static constexpr const char* kNoun = "the parameters of a fully sharded module";

  std::shared_ptr<ShardedParameters> parameters;
};

ShardedParameters& sharded(napi_env env, napi_value value) {
  return *from_object<ShardedObject>(env, value).parameters;
}

// A backward pass. The graph's task owns it: where that ends without having come to the end of the pass, gradients are
// as before it.
struct Pass {
  Pass() = default;
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;
  ~Pass() {
    if (ended) return;
    for (const auto& each : reached) {
      if (const auto alive = each.lock()) alive->abandon();
    }
  }

  std::vector<std::weak_ptr<ShardedParameters>> reached;
  bool ended = false;
};

struct PassObject {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x6673647020706173};
  static constexpr const char* kNoun = "a backward pass";

  std::weak_ptr<Pass> pass;
};

// requireShardable(parameters): what must hold on every rank before they begin.
napi_value require_shardable(napi_env env, Args& args) {
  for (const at::Tensor& p : to_tensors(env, args[0], "parameters")) {
    optim::dtype_of(p.scalar_type());
    if (!p.is_cpu()) {
      throw Error("ERR_DEVICE",
                  "the parameters of a fully sharded module must lie on the CPU, got " + p.device().str());
    }
    if (!optim::is_plain(p) || !p.is_contiguous()) {
      throw Error("ERR_ARGUMENT", "the parameters of a fully sharded module must be contiguous");
    }
    if (optim::is_partial(p)) throw Error("ERR_STATE", "a parameter belongs to another fully sharded module");
  }
  return undefined(env);
}

// shardParameters(group, parameters, number), after that
napi_value shard_parameters(napi_env env, Args& args) {
  const auto group = group_of(env, args[0]);
  group->live();
  const auto number = int32_t(to_int64(env, args[2], "number"));
  return to_object(env, std::make_unique<ShardedObject>(ShardedObject{std::make_shared<ShardedParameters>(
                            group, to_tensors(env, args[1], "parameters"), number)}));
}

template <void (ShardedParameters::*method)()>
napi_value call(napi_env env, Args& args) {
  // The parameters are those of no transform, in which a pass may run.
  const OutsideTransforms outside;
  (sharded(env, args[0]).*method)();
  return undefined(env);
}

// shardedGive(parameters)
napi_value give(napi_env env, Args& args) {
  sharded(env, args[0]).give();
  return undefined(env);
}

// shardedEnd(parameters, left)
napi_value end(napi_env env, Args& args) {
  std::vector<int32_t> left(array_length(env, args[1], "left"));
  for (uint32_t i = 0; i < left.size(); ++i) left[i] = to_bool(env, element(env, args[1], i), "left");
  sharded(env, args[0]).end(left);
  return make_array(env, left.size(), [&](size_t i) { return js(env, left[i] != 0); });
}

// shardedPart(parameter): [the elements of this rank, flat; the index of the first]
napi_value part(napi_env env, Args& args) {
  const at::Tensor parameter = unwrap(env, args[0]);
  if (!optim::is_partial(parameter)) throw Error("ERR_ARGUMENT", "the parameter is whole");
  const at::Tensor own = optim::kept_part(parameter);
  const int64_t begin =
      (static_cast<const char*>(own.const_data_ptr()) - optim::memory_of(parameter)) / int64_t(own.element_size());
  const napi_value parts[] = {wrap(env, own), js(env, begin)};
  return make_array(env, 2, [&](size_t i) { return parts[i]; });
}

// shardedClear(gradient): sets it to zero.
napi_value clear(napi_env env, Args& args) {
  optim::kept_part(unwrap(env, args[0])).zero_();
  return undefined(env);
}

// isSharded(tensor): whether it lies in the memory of such a parameter or its gradient.
napi_value is_sharded(napi_env env, Args& args) { return js(env, optim::is_partial(unwrap(env, args[0]))); }

// shardedResident(parameters)
napi_value resident(napi_env env, Args& args) { return js(env, sharded(env, args[0]).resident()); }

// shardedPass(function): that is called at the end of the backward pass that runs now.
napi_value begin_pass(napi_env env, Args& args) {
  const auto pass = std::make_shared<Pass>();
  auto object = std::make_unique<PassObject>(PassObject{pass});
  torch::autograd::Engine::get_default_engine().queue_callback([pass, callback = Callback::of(env, args[0])] {
    CallScope(callback).call({});
    pass->ended = true;
  });
  return to_object(env, std::move(object));
}
// shardedPassRuns(pass)
napi_value pass_runs(napi_env env, Args& args) {
  return js(env, !from_object<PassObject>(env, args[0]).pass.expired());
}
// shardedReach(pass, parameters): the pass comes to them for the first time.
napi_value reach(napi_env env, Args& args) {
  const auto pass = from_object<PassObject>(env, args[0]).pass.lock();
  if (pass == nullptr) throw Error("ERR_STATE", "the backward pass is over");
  const auto& parameters = from_object<ShardedObject>(env, args[1]).parameters;
  parameters->begin();
  pass->reached.push_back(parameters);
  return undefined(env);
}

}  // namespace

std::vector<std::shared_ptr<ShardedParameters>> to_sharded(napi_env env, napi_value array) {
  std::vector<std::shared_ptr<ShardedParameters>> list;
  const uint32_t count = array_length(env, array, "modules");
  for (uint32_t i = 0; i < count; ++i) {
    list.push_back(from_object<ShardedObject>(env, element(env, array, i)).parameters);
  }
  return list;
}

void register_sharded_parameters(napi_env env, napi_value exports) {
  define(env, exports, "requireShardable", guarded<require_shardable>);
  define(env, exports, "shardParameters", guarded<shard_parameters>);
  define(env, exports, "shardedGather", guarded<call<&ShardedParameters::gather>>);
  define(env, exports, "shardedPrefetch", guarded<call<&ShardedParameters::prefetch>>);
  define(env, exports, "shardedRelease", guarded<call<&ShardedParameters::release>>);
  define(env, exports, "shardedReduce", guarded<call<&ShardedParameters::reduce>>);
  define(env, exports, "shardedSettle", guarded<call<&ShardedParameters::settle>>);
  define(env, exports, "shardedGive", guarded<give>);
  define(env, exports, "shardedEnd", guarded<end>);
  define(env, exports, "shardedPart", guarded<part>);
  define(env, exports, "shardedClear", guarded<clear>);
  define(env, exports, "isSharded", guarded<is_sharded>);
  define(env, exports, "shardedResident", guarded<resident>);
  define(env, exports, "shardedPass", guarded<begin_pass>);
  define(env, exports, "shardedPassRuns", guarded<pass_runs>);
  define(env, exports, "shardedReach", guarded<reach>);
}

}  // namespace tc::distributed
