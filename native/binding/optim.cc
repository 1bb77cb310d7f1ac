// The engine in JavaScript: an optimizer is an object that wraps a tc::optim::Optimizer, tagged so that no other object
// passes for one.
#include <limits>
#include <memory>

#include "binding/handle.h"
#include "binding/modules.h"
#include "binding/value.h"
#include "optim/clip/info.h"
#include "optim/gradients.h"
#include "optim/optimizer.h"
#include "optim/rule/info.h"

namespace tc {
namespace {

using optim::Optimizer;

constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x6f7074696d697a65};

// What JavaScript's object wraps: the collector is told of the state's bytes.
struct Wrapped {
  std::unique_ptr<Optimizer> optimizer;
  int64_t reported = 0;

  void report(node_api_basic_env env, int64_t bytes) {
    if (bytes == reported) return;
    int64_t total;
    napi_adjust_external_memory(env, bytes - reported, &total);
    reported = bytes;
  }
};

Wrapped& wrapped(napi_env env, napi_value value) {
  bool tagged = false;
  void* data = nullptr;
  if (type_of(env, value) != napi_object || napi_check_object_type_tag(env, value, &kTag, &tagged) != napi_ok ||
      !tagged || napi_unwrap(env, value, &data) != napi_ok) {
    throw Error("ERR_ARGUMENT", "expected an optimizer");
  }
  return *static_cast<Wrapped*>(data);
}
Optimizer& optimizer(napi_env env, napi_value value) { return *wrapped(env, value).optimizer; }

napi_value object(napi_env env) {
  napi_value value;
  check(env, napi_create_object(env, &value));
  return value;
}
napi_value array(napi_env env, size_t length) {
  napi_value value;
  check(env, napi_create_array_with_length(env, length, &value));
  return value;
}
void set(napi_env env, napi_value target, const char* name, napi_value value) {
  check(env, napi_set_named_property(env, target, name, value));
}
void set(napi_env env, napi_value target, uint32_t index, napi_value value) {
  check(env, napi_set_element(env, target, index, value));
}

napi_value names(napi_env env, const char* const* list, size_t count) {
  const napi_value out = array(env, count);
  for (size_t i = 0; i < count; ++i) set(env, out, uint32_t(i), js(env, std::string_view(list[i])));
  return out;
}

std::vector<at::Tensor> tensors(napi_env env, napi_value list, const char* what) {
  const uint32_t n = array_length(env, list, what);
  std::vector<at::Tensor> out;
  out.reserve(n);
  for (uint32_t i = 0; i < n; ++i) out.push_back(unwrap(env, element(env, list, i)));
  return out;
}

const double* doubles(napi_env env, napi_value value, const char* what, size_t at_least) {
  const TypedArray data = to_typed_array(env, value, what);
  if (data.type != napi_float64_array || data.length < at_least) {
    throw Error("ERR_ARGUMENT", std::string("\"") + what + "\" must be a Float64Array of at least " +
                                    std::to_string(at_least) + " numbers");
  }
  return static_cast<const double*>(data.data);
}

// optimRules(): the length of a group's row, and what TypeScript must know of each rule in the order of the table.
napi_value rules(napi_env env, Args&) {
  const auto& infos = optim::rule_infos();
  const napi_value out = array(env, infos.size());
  for (size_t i = 0; i < infos.size(); ++i) {
    const napi_value rule = object(env);
    set(env, rule, "name", js(env, std::string_view(infos[i].name)));
    set(env, rule, "hyper", names(env, infos[i].hyper.data(), infos[i].hyper.size()));
    set(env, rule, "slots", names(env, infos[i].slots.name, size_t(infos[i].slots.count)));
    set(env, rule, "storesStep", js(env, infos[i].stores_step));
    set(env, out, uint32_t(i), rule);
  }
  const napi_value table = object(env);
  set(env, table, "row", js(env, int64_t{optim::kRow}));
  set(env, table, "rules", out);
  return table;
}

// optimClippers(): likewise for the clippers.
napi_value clippers(napi_env env, Args&) {
  const auto& infos = optim::clipper_infos();
  const napi_value out = array(env, infos.size());
  for (size_t i = 0; i < infos.size(); ++i) {
    const napi_value clipper = object(env);
    set(env, clipper, "name", js(env, std::string_view(infos[i].name)));
    set(env, clipper, "options", names(env, infos[i].options.data(), infos[i].options.size()));
    set(env, out, uint32_t(i), clipper);
  }
  return out;
}

// optimCreate(clipper, options, scope, policy, maxConsecutiveSkips, writeBack)
napi_value create(napi_env env, Args& args) {
  const auto choice = [&](int i, const char* what, int64_t count) {
    const int64_t value = to_int64(env, args[i], what);
    if (value < 0 || value >= count) throw Error("ERR_INTERNAL", std::string("no such ") + what);
    return value;
  };
  const auto& info = optim::clipper_infos()[size_t(choice(0, "clipper", int64_t(optim::clipper_infos().size())))];
  optim::Settings settings;
  settings.clipper = info.make(doubles(env, args[1], "options", info.options.size()));
  settings.scope = optim::Scope(choice(2, "scope", 3));
  settings.policy = optim::Policy(choice(3, "policy", 4));
  settings.max_consecutive_skips = choice(4, "maxConsecutiveSkips", std::numeric_limits<int64_t>::max());
  settings.write_back = to_bool(env, args[5], "writeBack");

  auto data = std::make_unique<Wrapped>();
  data->optimizer = std::make_unique<Optimizer>(std::move(settings));
  const napi_value out = object(env);
  check(env, napi_wrap(
                 env, out, data.get(),
                 [](node_api_basic_env basic, void* p, void*) {
                   const std::unique_ptr<Wrapped> owned(static_cast<Wrapped*>(p));
                   owned->report(basic, 0);
                 },
                 nullptr, nullptr));
  static_cast<void>(data.release());
  check(env, napi_type_tag_object(env, out, &kTag));
  return out;
}

napi_value add_group(napi_env env, Args& args) {
  optimizer(env, args[0]).add_group(tensors(env, args[1], "params"));
  return undefined(env);
}

// optimStep(optimizer, rows): 0 stepped, 1 skipped, 2 skipped too often, 3 refused.
napi_value step(napi_env env, Args& args) {
  Wrapped& data = wrapped(env, args[0]);
  const double* rows = doubles(env, args[1], "rows", data.optimizer->groups() * optim::kRow);
  const auto outcome = data.optimizer->step(rows);
  data.report(env, data.optimizer->state_bytes());
  return js(env, int64_t(outcome));
}

napi_value zero_grad(napi_env env, Args& args) {
  optimizer(env, args[0]).zero_grad(to_bool(env, args[1], "setToNone"));
  return undefined(env);
}

// optimState(optimizer): for each parameter [step, ...slots], a slot that is not there being null.
napi_value state(napi_env env, Args& args) {
  const Optimizer& opt = optimizer(env, args[0]);
  const napi_value out = array(env, opt.parameters());
  for (size_t i = 0; i < opt.parameters(); ++i) {
    const optim::ParameterState& s = opt.state(i);
    const napi_value entry = array(env, 1 + optim::kMaxSlots);
    set(env, entry, uint32_t{0}, js(env, s.step));
    for (uint32_t k = 0; k < optim::kMaxSlots; ++k) {
      // A copy: the engine remembers where its state lies, and nobody else may move it.
      set(env, entry, k + 1, wrap(env, s.slot[k].defined() ? s.slot[k].clone() : at::Tensor()));
    }
    set(env, out, uint32_t(i), entry);
  }
  return out;
}

// optimLoad(optimizer, states): states as optimState gives them.
napi_value load(napi_env env, Args& args) {
  Wrapped& data = wrapped(env, args[0]);
  std::vector<optim::ParameterState> states(array_length(env, args[1], "states"));
  for (uint32_t i = 0; i < states.size(); ++i) {
    const napi_value entry = element(env, args[1], i);
    const uint32_t length = array_length(env, entry, "states");
    states[i].step = to_int64(env, element(env, entry, 0), "step");
    for (uint32_t k = 0; k < optim::kMaxSlots && k + 1 < length; ++k) {
      const napi_value slot = element(env, entry, k + 1);
      if (!is_nullish(env, slot)) states[i].slot[k] = unwrap(env, slot);
    }
  }
  data.optimizer->load(states);
  data.report(env, data.optimizer->state_bytes());
  return undefined(env);
}

napi_value counters(napi_env env, Args& args) {
  const optim::Counters counters = optimizer(env, args[0]).counters();
  return js(env, at::IntArrayRef({counters.skipped, counters.consecutive}));
}

napi_value load_counters(napi_env env, Args& args) {
  optimizer(env, args[0]).load({to_int64(env, args[1], "skipped"), to_int64(env, args[2], "consecutive")});
  return undefined(env);
}

// optimStats(optimizer): [norm, coefficient, skipped]
napi_value stats(napi_env env, Args& args) {
  const Optimizer& opt = optimizer(env, args[0]);
  const napi_value out = array(env, 3);
  set(env, out, uint32_t{0}, wrap(env, opt.norm()));
  set(env, out, 1, wrap(env, opt.coefficient()));
  set(env, out, 2, wrap(env, opt.skipped()));
  return out;
}

// The gradients of those tensors that have one.
std::vector<at::Tensor> gradients(napi_env env, napi_value list) {
  std::vector<at::Tensor> out;
  for (const at::Tensor& t : tensors(env, list, "parameters")) {
    const at::Tensor& grad = t.unsafeGetTensorImpl()->grad();
    if (grad.defined()) out.push_back(grad);
  }
  return out;
}

// clipGradNorm(parameters, maxNorm, normType, errorIfNonfinite): the norm before, or null for a refusal.
napi_value clip_grad_norm(napi_env env, Args& args) {
  const bool refuse = to_bool(env, args[3], "errorIfNonfinite");
  const optim::TotalNorm total = optim::clip_by_norm(gradients(env, args[0]), to_double(env, args[1], "maxNorm"),
                                                     to_double(env, args[2], "normType"), refuse);
  return refuse && !total.finite ? null(env) : wrap(env, total.tensor());
}

// totalNorm(tensors, normType, errorIfNonfinite)
napi_value total_norm(napi_env env, Args& args) {
  const optim::TotalNorm total =
      optim::total_norm(tensors(env, args[0], "tensors"), to_double(env, args[1], "normType"));
  return to_bool(env, args[2], "errorIfNonfinite") && !total.finite ? null(env) : wrap(env, total.tensor());
}

// clipGradsWithNorm(parameters, maxNorm, totalNorm)
napi_value clip_grads_with_norm(napi_env env, Args& args) {
  optim::clip_with_norm(gradients(env, args[0]), to_double(env, args[1], "maxNorm"),
                        unwrap(env, args[2]).item().toDouble());
  return undefined(env);
}

napi_value clip_grad_value(napi_env env, Args& args) {
  optim::clip_by_value(gradients(env, args[0]), to_double(env, args[1], "clipValue"));
  return undefined(env);
}

}  // namespace

void register_optim(napi_env env, napi_value exports) {
  define(env, exports, "optimRules", guarded<rules>);
  define(env, exports, "optimClippers", guarded<clippers>);
  define(env, exports, "optimCreate", guarded<create>);
  define(env, exports, "optimAddGroup", guarded<add_group>);
  define(env, exports, "optimStep", guarded<step>);
  define(env, exports, "optimZeroGrad", guarded<zero_grad>);
  define(env, exports, "optimState", guarded<state>);
  define(env, exports, "optimLoad", guarded<load>);
  define(env, exports, "optimCounters", guarded<counters>);
  define(env, exports, "optimLoadCounters", guarded<load_counters>);
  define(env, exports, "optimStats", guarded<stats>);
  define(env, exports, "clipGradNorm", guarded<clip_grad_norm>);
  define(env, exports, "totalNorm", guarded<total_norm>);
  define(env, exports, "clipGradsWithNorm", guarded<clip_grads_with_norm>);
  define(env, exports, "clipGradValue", guarded<clip_grad_value>);
}

}  // namespace tc
