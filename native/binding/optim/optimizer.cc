// The engine in JavaScript: its tables, and an optimizer's life.
#include <algorithm>
#include <limits>

#include "binding/amp.h"
#include "binding/modules.h"
#include "binding/optim/support.h"
#include "optim/clip/info.h"
#include "optim/rule/info.h"

namespace tc {
namespace {

napi_value names(napi_env env, const char* const* list, size_t count) {
  const napi_value out = array(env, count);
  for (size_t i = 0; i < count; ++i) set(env, out, uint32_t(i), js(env, std::string_view(list[i])));
  return out;
}

// optimRules(): the length of a group's row, and what TypeScript must know of each rule in the order of the table.
napi_value rules(napi_env env, Args&) {
  const auto& infos = optim::rule_infos();
  const napi_value out = array(env, infos.size());
  for (size_t i = 0; i < infos.size(); ++i) {
    const napi_value rule = object(env);
    set(env, rule, "name", js(env, std::string_view(infos[i].name)));
    set(env, rule, "hyper", names(env, infos[i].hyper.data(), infos[i].hyper.size()));
    std::vector<const char*> slots;
    // By their indices; one that this rule leaves to others has no name.
    for (int k = 0; k < infos[i].slots.count; ++k) {
      slots.resize(size_t(infos[i].slots.index(k)), "");
      slots.push_back(infos[i].slots.slot[k].name);
    }
    set(env, rule, "slots", names(env, slots.data(), slots.size()));
    const auto& scalars = infos[i].scalars;
    const auto unnamed = std::find(scalars.name, scalars.name + scalars.count, nullptr);
    set(env, rule, "scalars", names(env, scalars.name, size_t(unnamed - scalars.name)));
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
    set(env, clipper, "numbers", names(env, infos[i].numbers.data(), infos[i].numbers.size()));
    set(env, clipper, "scales", js(env, infos[i].scales));
    set(env, clipper, "slack", js(env, std::string_view(infos[i].slack)));
    set(env, out, uint32_t(i), clipper);
  }
  return out;
}

// A stage is [clipper, options, scope, placement, beta, power, seed, tap]; the seed is a bigint.
optim::Stage to_stage(napi_env env, napi_value value) {
  array_length(env, value, "stage");
  const auto at = [&](uint32_t i) { return element(env, value, i); };
  const auto& infos = optim::clipper_infos();
  const auto& info = infos[size_t(choice(env, at(0), "clipper", int64_t(infos.size())))];
  optim::Stage stage(info.make(doubles(env, at(1), "options", info.options.size())));
  stage.scope = optim::Scope(choice(env, at(2), "scope", 4));
  stage.placement = optim::Placement(choice(env, at(3), "placement", 2));
  stage.coin.beta = to_double(env, at(4), "beta");
  stage.coin.power = int(choice(env, at(5), "power", 3));
  bool lossless;
  check(env, napi_get_value_bigint_uint64(env, at(6), &stage.coin.seed, &lossless));
  stage.tap = choice(env, at(7), "tap", std::numeric_limits<int64_t>::max());
  return stage;
}

// optimCreate(stages, policy, maxConsecutiveSkips, writeBack)
napi_value create(napi_env env, Args& args) {
  optim::Settings settings;
  const uint32_t stages = array_length(env, args[0], "stages");
  for (uint32_t k = 0; k < stages; ++k) settings.stages.push_back(to_stage(env, element(env, args[0], k)));
  settings.policy = optim::Policy(choice(env, args[1], "policy", 4));
  settings.max_consecutive_skips = choice(env, args[2], "maxConsecutiveSkips", std::numeric_limits<int64_t>::max());
  settings.write_back = to_bool(env, args[3], "writeBack");

  auto data = std::make_unique<Wrapped>();
  data->optimizer = std::make_unique<Optimizer>(std::move(settings));
  return wrap(env, std::move(data));
}

napi_value add_group(napi_env env, Args& args) {
  optimizer(env, args[0]).add_group(tensors(env, args[1], "params"));
  return undefined(env);
}

// Asks a JavaScript function (stage, norms, numbers of elements) for a Float64Array of coefficients.
std::vector<double> ask(napi_env env, napi_value function, size_t stage, const optim::Plan& plan) {
  napi_value receiver, answer;
  check(env, napi_get_undefined(env, &receiver));
  const napi_value argv[] = {js(env, int64_t(stage)), wrap(env, to_tensor(plan.norms)),
                             wrap(env, to_tensor(plan.numel))};
  check(env, napi_call_function(env, receiver, function, std::size(argv), argv, &answer));
  const double* data = doubles(env, answer, "coefficients", plan.norms.size());
  return {data, data + plan.norms.size()};
}

optim::Taken take_step(napi_env env, Args& args, const at::Tensor& inverse) {
  Wrapped& data = wrapped(env, args[0]);
  const double* given = doubles(env, args[1], "rows", data.optimizer->groups() * optim::kRow);
  // A custom clipper is JavaScript, which may detach the array.
  const std::vector<double> rows(given, given + data.optimizer->groups() * optim::kRow);
  optim::Request request{{}, {}, inverse};
  request.custom = [&](size_t stage, const optim::Plan& plan) { return ask(env, args[2], stage, plan); };
  if (!is_nullish(env, args[3])) {
    request.outside = [&] {
      napi_value receiver;
      check(env, napi_get_undefined(env, &receiver));
      check(env, napi_call_function(env, receiver, args[3], 0, nullptr, nullptr));
    };
  }
  optim::Taken taken = data.optimizer->step(rows.data(), request);
  forget_casts();
  data.report(env, data.optimizer->state_bytes());
  return taken;
}

// optimStep(optimizer, rows, custom, outside): 0 stepped, 1 skipped, 2 skipped too often, 3 refused.
napi_value step(napi_env env, Args& args) { return js(env, int64_t(take_step(env, args, {}).outcome)); }

// optimStepScaled(optimizer, rows, custom, outside, inverse): the same and the flag of NaN and inf, null without
// gradients.
napi_value step_scaled(napi_env env, Args& args) {
  const auto [outcome, found] = take_step(env, args, unwrap(env, args[4]));
  const napi_value out = array(env, 2);
  set(env, out, uint32_t{0}, js(env, int64_t(outcome)));
  set(env, out, 1, wrap(env, found));
  return out;
}

napi_value refresh(napi_env env, Args& args) {
  optim::Optimizer& opt = optimizer(env, args[0]);
  opt.refresh(doubles(env, args[1], "rows", opt.groups() * optim::kRow));
  return undefined(env);
}

napi_value zero_grad(napi_env env, Args& args) {
  optimizer(env, args[0]).zero_grad(to_bool(env, args[1], "setToNone"));
  return undefined(env);
}

}  // namespace

void register_optim(napi_env env, napi_value exports) {
  define(env, exports, "optimRules", guarded<rules>);
  define(env, exports, "optimClippers", guarded<clippers>);
  define(env, exports, "optimCreate", guarded<create>);
  define(env, exports, "optimAddGroup", guarded<add_group>);
  define(env, exports, "optimStep", guarded<step>);
  define(env, exports, "optimStepScaled", guarded<step_scaled>);
  define(env, exports, "optimRefresh", guarded<refresh>);
  define(env, exports, "optimZeroGrad", guarded<zero_grad>);
  register_optim_state(env, exports);
  register_gradients(env, exports);
  register_emulation(env, exports);
}

}  // namespace tc
