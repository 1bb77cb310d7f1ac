// What an optimizer and its clippers remember, for JavaScript to save, load and display.
#include <algorithm>

#include "binding/optim/support.h"
#include "optim/clip/traits.h"

namespace tc {
namespace {

// A copy, since the engine keeps the address of the original; null for an undefined tensor.
napi_value copy(napi_env env, const at::Tensor& tensor) {
  return wrap(env, tensor.defined() ? tensor.clone() : at::Tensor());
}

// optimStates(optimizer, whole): for each parameter { step, slots, scalars }, null for a slot that does not exist.
// Where processes share the elements, either of whole tensors, which all have to ask for, or of this one's flat parts.
napi_value states(napi_env env, Args& args) {
  Optimizer& opt = optimizer(env, args[0]);
  opt.pull();
  std::vector<optim::ParameterState> whole;
  if (opt.shared() && to_bool(env, args[1], "whole")) whole = opt.whole_states();
  return make_array(env, opt.parameters(), [&](size_t i) {
    const optim::ParameterState& state = whole.empty() ? opt.state(i) : whole[i];
    const napi_value out = make_object(env);
    set(env, out, "step", js(env, state.step));
    set(env, out, "slots", make_array(env, optim::kMaxSlots, [&](size_t k) { return copy(env, state.slot[k]); }));
    set(env, out, "scalars", make_array(env, optim::kMaxScalars, [&](size_t k) { return js(env, state.scalar[k]); }));
    return out;
  });
}

// optimParts(optimizer): for each parameter { begin, end, strides }, the elements of it whose state is here, in the
// order of memory that the strides tell.
napi_value parts(napi_env env, Args& args) {
  const Optimizer& opt = optimizer(env, args[0]);
  return make_array(env, opt.parameters(), [&](size_t i) {
    const auto [range, strides] = opt.part(i);
    const napi_value out = make_object(env);
    set(env, out, "begin", js(env, range.begin));
    set(env, out, "end", js(env, range.end));
    set(env, out, "strides", make_array(env, strides.size(), [&](size_t d) { return js(env, strides[d]); }));
    return out;
  });
}

// optimSlot(optimizer, parameter, slot): the state tensor itself, not a copy, or null.
napi_value slot(napi_env env, Args& args) {
  const Optimizer& opt = optimizer(env, args[0]);
  const int64_t parameter = choice(env, args[1], "parameter", int64_t(opt.parameters()));
  return wrap(env, opt.state(size_t(parameter)).slot[choice(env, args[2], "slot", optim::kMaxSlots)]);
}

napi_value stage(napi_env env, const optim::StageState& state) {
  const optim::StageMemory& memory = state.memory;
  std::vector<double> history;
  std::vector<int64_t> lengths;
  for (const auto& own : memory.histories) {
    const std::vector<double> values = own.values();
    history.insert(history.end(), values.begin(), values.end());
    lengths.push_back(int64_t(values.size()));
  }
  const auto& elements = state.elements;
  const napi_value out = make_object(env);
  set(env, out, "flips", js(env, memory.flips));
  set(env, out, "decisions", js(env, memory.decisions));
  set(env, out, "clipped", js(env, memory.clipped));
  set(env, out, "numbers", wrap(env, to_tensor(memory.numbers)));
  set(env, out, "history", wrap(env, to_tensor(history)));
  set(env, out, "lengths", wrap(env, to_tensor(lengths)));
  set(env, out, "tap", wrap(env, to_tensor(std::vector<double>(memory.tap.begin(), memory.tap.end()))));
  set(env, out, "elements", make_array(env, elements.size(), [&](size_t i) { return wrap(env, elements[i]); }));
  return out;
}

// optimStages(optimizer): what each stage remembers.
napi_value stages(napi_env env, Args& args) {
  Optimizer& opt = optimizer(env, args[0]);
  opt.pull();
  return make_array(env, opt.stages(), [&](size_t k) { return stage(env, opt.stage_state(k)); });
}

template <class T>
std::vector<T> numbers(napi_env env, napi_value value, c10::ScalarType dtype) {
  const at::Tensor tensor = unwrap(env, value).contiguous();
  if (tensor.scalar_type() != dtype || !tensor.device().is_cpu())
    throw Error("ERR_DTYPE", "numbers of a clipper's state must be on the CPU, float64 or, for lengths, int64");
  const T* data = tensor.const_data_ptr<T>();
  return {data, data + tensor.numel()};
}

optim::ParameterState to_parameter_state(napi_env env, napi_value value) {
  optim::ParameterState state;
  state.step = to_int64(env, property(env, value, "step"), "step");
  const napi_value slots = property(env, value, "slots"), scalars = property(env, value, "scalars");
  const uint32_t count = array_length(env, slots, "slots"), others = array_length(env, scalars, "scalars");
  for (uint32_t k = 0; k < std::min<uint32_t>(count, optim::kMaxSlots); ++k) {
    const napi_value tensor = element(env, slots, k);
    if (!is_nullish(env, tensor)) state.slot[k] = unwrap(env, tensor);
  }
  for (uint32_t k = 0; k < std::min<uint32_t>(others, optim::kMaxScalars); ++k) {
    state.scalar[k] = to_double(env, element(env, scalars, k), "scalars");
  }
  return state;
}

optim::StageState to_stage_state(napi_env env, napi_value value, const optim::Stage& stage) {
  const auto field = [&](const char* name) { return property(env, value, name); };
  optim::StageState state;
  optim::StageMemory& memory = state.memory;
  memory.flips = to_int64(env, field("flips"), "flips");
  memory.decisions = to_int64(env, field("decisions"), "decisions");
  memory.clipped = to_int64(env, field("clipped"), "clipped");
  memory.numbers = numbers<double>(env, field("numbers"), c10::kDouble);
  const std::vector<double> history = numbers<double>(env, field("history"), c10::kDouble);
  auto next = history.begin();
  if (keeps_history(stage.clipper)) {
    for (const int64_t length : numbers<int64_t>(env, field("lengths"), c10::kLong)) {
      if (length < 0 || length > history.end() - next)
        throw Error("ERR_STATE", "the lengths of the histories add up to more than there is");
      memory.histories.emplace_back().load({next, next + length}, window_of(stage.clipper), quantile_of(stage.clipper));
      next += length;
    }
  }
  const std::vector<double> tap = numbers<double>(env, field("tap"), c10::kDouble);
  memory.tap.assign(tap.begin(), tap.end());
  const napi_value elements = field("elements");
  const uint32_t count = array_length(env, elements, "elements");
  for (uint32_t i = 0; i < count; ++i) {
    const napi_value tensor = element(env, elements, i);
    state.elements.push_back(is_nullish(env, tensor) ? at::Tensor() : unwrap(env, tensor));
  }
  return state;
}

// optimLoad(optimizer, { states, skipped, consecutive, stages }): as optimStates, optimCounters and optimStages give
// them.
napi_value load(napi_env env, Args& args) {
  auto& held = from_object<OptimizerObject>(env, args[0]);
  const napi_value states = property(env, args[1], "states"), stages = property(env, args[1], "stages");
  const uint32_t parameters = array_length(env, states, "states"), count = array_length(env, stages, "stages");
  if (count != held.optimizer.stages())
    throw Error("ERR_STATE", "the state does not have as many clippers as the optimizer");
  std::vector<optim::ParameterState> of_parameters;
  for (uint32_t i = 0; i < parameters; ++i) of_parameters.push_back(to_parameter_state(env, element(env, states, i)));
  std::vector<optim::StageState> of_stages;
  for (uint32_t k = 0; k < count; ++k) {
    of_stages.push_back(to_stage_state(env, element(env, stages, k), held.optimizer.stage(k)));
  }
  const optim::Counters counters{to_int64(env, property(env, args[1], "skipped"), "skipped"),
                                 to_int64(env, property(env, args[1], "consecutive"), "consecutive")};
  held.optimizer.load(of_parameters, counters, of_stages);
  held.report(env);
  return undefined(env);
}

napi_value counters(napi_env env, Args& args) {
  Optimizer& opt = optimizer(env, args[0]);
  opt.pull();
  const optim::Counters counters = opt.counters();
  const napi_value out = make_object(env);
  set(env, out, "skipped", js(env, counters.skipped));
  set(env, out, "consecutive", js(env, counters.consecutive));
  return out;
}

// optimStats(optimizer, stage): what optim/stats.h says of the stage.
napi_value stats(napi_env env, Args& args) {
  const Optimizer& opt = optimizer(env, args[0]);
  const int64_t stage = choice(env, args[1], "stage", std::max<int64_t>(1, int64_t(opt.stages())));
  const optim::Stats stats = opt.stats(size_t(stage));
  const napi_value out = make_object(env);
  set(env, out, "norm", wrap(env, stats.norm));
  set(env, out, "coefficient", wrap(env, stats.coefficient));
  set(env, out, "threshold", wrap(env, stats.threshold));
  set(env, out, "clipped", wrap(env, stats.clipped));
  set(env, out, "tap", wrap(env, stats.tap));
  set(env, out, "taps", wrap(env, stats.taps));
  set(env, out, "skipped", wrap(env, stats.skipped));
  return out;
}

}  // namespace

void register_optim_state(napi_env env, napi_value exports) {
  define(env, exports, "optimStates", guarded<states>);
  define(env, exports, "optimSlot", guarded<slot>);
  define(env, exports, "optimParts", guarded<parts>);
  define(env, exports, "optimStages", guarded<stages>);
  define(env, exports, "optimLoad", guarded<load>);
  define(env, exports, "optimCounters", guarded<counters>);
  define(env, exports, "optimStats", guarded<stats>);
}

}  // namespace tc
