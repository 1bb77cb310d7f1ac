// The engine for JavaScript: its tables, and the optimizers themselves.
#include <algorithm>
#include <limits>

#include "binding/amp.h"
#include "binding/modules.h"
#include "binding/optim/support.h"
#include "optim/clip/info.h"
#include "optim/rule/info.h"

namespace tc {
namespace {

template <class Names>
napi_value names(napi_env env, const Names& list) {
  auto next = std::begin(list);
  return make_array(env, std::size(list), [&](size_t) { return js(env, std::string_view(*next++)); });
}

napi_value rule(napi_env env, const optim::RuleInfo& info) {
  std::vector<const char*> slots;
  // A slot that only other rules of the same optimizer have gets no name.
  for (int k = 0; k < info.slots.count; ++k) {
    slots.resize(size_t(info.slots.index(k)), "");
    slots.push_back(info.slots.slot[k].name);
  }
  const auto& scalars = info.scalars;
  const auto unnamed = std::find(scalars.name, scalars.name + scalars.count, nullptr);
  const napi_value out = make_object(env);
  set(env, out, "name", js(env, std::string_view(info.name)));
  set(env, out, "hyper", names(env, info.hyper));
  set(env, out, "slots", names(env, slots));
  set(env, out, "scalars", names(env, std::vector<const char*>(scalars.name, unnamed)));
  set(env, out, "storesStep", js(env, info.stores_step));
  return out;
}

napi_value clipper(napi_env env, const optim::ClipperInfo& info) {
  const napi_value out = make_object(env);
  set(env, out, "name", js(env, std::string_view(info.name)));
  set(env, out, "options", names(env, info.options));
  set(env, out, "numbers", names(env, info.numbers));
  set(env, out, "scales", js(env, info.scales));
  set(env, out, "slack", js(env, std::string_view(info.slack)));
  return out;
}

// engine(): the tables and enumerations that TypeScript reads.
napi_value engine(napi_env env, Args&) {
  const auto& rules = optim::rule_infos();
  const auto& clippers = optim::clipper_infos();
  const napi_value out = make_object(env);
  set(env, out, "groupLength", js(env, int64_t{optim::kGroupLength}));
  set(env, out, "rules", make_array(env, rules.size(), [&](size_t i) { return rule(env, rules[i]); }));
  set(env, out, "clippers", make_array(env, clippers.size(), [&](size_t i) { return clipper(env, clippers[i]); }));
  set(env, out, "scopes", names(env, optim::kScopes));
  set(env, out, "placements", names(env, optim::kPlacements));
  set(env, out, "policies", names(env, optim::kPolicies));
  set(env, out, "outcomes", names(env, optim::kOutcomes));
  return out;
}

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

optim::Stage to_stage(napi_env env, napi_value value) {
  const auto field = [&](const char* name) { return property(env, value, name); };
  const auto& infos = optim::clipper_infos();
  const auto name_of = [&](size_t i) { return infos[i].name; };
  const auto& info = infos[index_of(env, field("clipper"), "clipper", infos.size(), name_of)];
  const napi_value given = field("options");
  std::vector<double> options;
  for (const char* name : info.options) options.push_back(to_double(env, property(env, given, name), name));
  optim::Stage stage(info.make(options.data()));
  stage.scope = to_enum<optim::Scope>(env, field("scope"), "scope", optim::kScopes);
  stage.placement = to_enum<optim::Placement>(env, field("placement"), "placement", optim::kPlacements);
  stage.coin.beta = to_double(env, field("beta"), "beta");
  stage.coin.power = int(choice(env, field("power"), "power", 3));
  stage.coin.seed = to_seed(env, field("seed"));
  stage.tap = choice(env, field("tap"), "tap", kMost);
  return stage;
}

// optimCreate({ stages, policy, maxConsecutiveSkips, writeBack })
napi_value create(napi_env env, Args& args) {
  const auto field = [&](const char* name) { return property(env, args[0], name); };
  optim::Settings settings;
  const napi_value stages = field("stages");
  const uint32_t count = array_length(env, stages, "stages");
  for (uint32_t k = 0; k < count; ++k) settings.stages.push_back(to_stage(env, element(env, stages, k)));
  settings.policy = to_enum<optim::Policy>(env, field("policy"), "policy", optim::kPolicies);
  settings.max_consecutive_skips = choice(env, field("maxConsecutiveSkips"), "maxConsecutiveSkips", kMost);
  settings.write_back = to_bool(env, field("writeBack"), "writeBack");
  return to_object(env, std::make_unique<OptimizerObject>(std::move(settings)));
}

napi_value add_group(napi_env env, Args& args) {
  optimizer(env, args[0]).add_group(tensors(env, args[1], "params"));
  return undefined(env);
}

// Calls the JavaScript function of a custom clipper with (stage, norms, numbers of elements); it returns a Float64Array
// of coefficients.
std::vector<double> ask(napi_env env, napi_value function, size_t stage, const optim::Plan& plan) {
  napi_value receiver, answer;
  check(env, napi_get_undefined(env, &receiver));
  const napi_value argv[] = {js(env, int64_t(stage)), wrap(env, to_tensor(plan.norms)),
                             wrap(env, to_tensor(plan.numel))};
  check(env, napi_call_function(env, receiver, function, std::size(argv), argv, &answer));
  const double* data = doubles(env, answer, "coefficients", plan.norms.size());
  return {data, data + plan.norms.size()};
}

// optimStep(optimizer, groups, custom, outside, inverse): returns an index into the outcomes; with `inverse` returns
// { outcome, found }, where `found` is null if no parameter has a gradient.
napi_value step(napi_env env, Args& args) {
  auto& held = from_object<OptimizerObject>(env, args[0]);
  const size_t length = held.optimizer.groups() * optim::kGroupLength;
  const double* given = doubles(env, args[1], "groups", length);
  // Copied, because a custom clipper is user code that may detach the array.
  const std::vector<double> groups(given, given + length);
  optim::Request request;
  request.custom = [&](size_t stage, const optim::Plan& plan) { return ask(env, args[2], stage, plan); };
  if (!is_nullish(env, args[3])) {
    request.outside = [&] {
      napi_value receiver;
      check(env, napi_get_undefined(env, &receiver));
      check(env, napi_call_function(env, receiver, args[3], 0, nullptr, nullptr));
    };
  }
  if (!is_nullish(env, args[4])) request.inverse = unwrap(env, args[4]);
  const optim::Taken taken = held.optimizer.step(groups.data(), request);
  forget_casts();
  held.report(env);
  const napi_value outcome = js(env, int64_t(taken.outcome));
  if (!request.scaled()) return outcome;
  const napi_value out = make_object(env);
  set(env, out, "outcome", outcome);
  set(env, out, "found", wrap(env, taken.found));
  return out;
}

napi_value refresh(napi_env env, Args& args) {
  Optimizer& opt = optimizer(env, args[0]);
  opt.refresh(doubles(env, args[1], "groups", opt.groups() * optim::kGroupLength));
  return undefined(env);
}

// optimAdvance(optimizer, parameter): its count of steps, one more than before.
napi_value advance(napi_env env, Args& args) {
  auto& held = from_object<OptimizerObject>(env, args[0]);
  const int64_t count = int64_t(held.optimizer.parameters());
  const int64_t parameter = choice(env, args[1], "parameter", count);
  const int64_t step = held.optimizer.advance(size_t(parameter));
  held.report(env);
  return js(env, step);
}

napi_value zero_grad(napi_env env, Args& args) {
  optimizer(env, args[0]).zero_grad(to_bool(env, args[1], "setToNone"));
  return undefined(env);
}

}  // namespace

void register_optim(napi_env env, napi_value exports) {
  define(env, exports, "engine", guarded<engine>);
  define(env, exports, "optimCreate", guarded<create>);
  define(env, exports, "optimAddGroup", guarded<add_group>);
  define(env, exports, "optimStep", guarded<step>);
  define(env, exports, "optimRefresh", guarded<refresh>);
  define(env, exports, "optimAdvance", guarded<advance>);
  define(env, exports, "optimZeroGrad", guarded<zero_grad>);
  register_optim_state(env, exports);
  register_gradients(env, exports);
  register_emulation(env, exports);
}

}  // namespace tc
