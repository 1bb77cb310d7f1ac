// What an optimizer and its clippers remember, for JavaScript to save, load and show.
#include <algorithm>

#include "binding/optim/support.h"
#include "optim/clip/traits.h"

namespace tc {
namespace {

// optimState(optimizer): for each parameter [step, slots, scalars], a slot that is not there being null.
napi_value state(napi_env env, Args& args) {
  Optimizer& opt = optimizer(env, args[0]);
  opt.pull();
  const napi_value out = array(env, opt.parameters());
  for (size_t i = 0; i < opt.parameters(); ++i) {
    const optim::ParameterState& s = opt.state(i);
    const napi_value entry = array(env, 3), slots = array(env, optim::kMaxSlots);
    for (uint32_t k = 0; k < optim::kMaxSlots; ++k) {
      // A copy: the engine remembers where its state lies, and nobody else may move it.
      set(env, slots, k, wrap(env, s.slot[k].defined() ? s.slot[k].clone() : at::Tensor()));
    }
    const napi_value scalars = array(env, optim::kMaxScalars);
    for (uint32_t k = 0; k < optim::kMaxScalars; ++k) set(env, scalars, k, js(env, s.scalar[k]));
    set(env, entry, uint32_t{0}, js(env, s.step));
    set(env, entry, 1, slots);
    set(env, entry, 2, scalars);
    set(env, out, uint32_t(i), entry);
  }
  return out;
}

// optimSlot(optimizer, parameter, slot): the state tensor itself, or null; for those who change it between steps.
napi_value slot(napi_env env, Args& args) {
  const Optimizer& opt = optimizer(env, args[0]);
  const int64_t parameter = choice(env, args[1], "parameter", int64_t(opt.parameters()));
  return wrap(env, opt.state(size_t(parameter)).slot[choice(env, args[2], "slot", optim::kMaxSlots)]);
}

// optimStages(optimizer): for each stage [flips, decisions, clipped, numbers, history, lengths, tap, elements].
napi_value stages(napi_env env, Args& args) {
  Optimizer& opt = optimizer(env, args[0]);
  opt.pull();
  const napi_value out = array(env, opt.stages());
  for (size_t k = 0; k < opt.stages(); ++k) {
    const optim::StageState state = opt.stage_state(k);
    const optim::StageMemory& memory = state.memory;
    std::vector<double> history;
    std::vector<int64_t> lengths;
    for (const auto& own : memory.histories) {
      const std::vector<double> values = own.values();
      history.insert(history.end(), values.begin(), values.end());
      lengths.push_back(int64_t(values.size()));
    }
    const napi_value elements = array(env, state.elements.size());
    for (size_t i = 0; i < state.elements.size(); ++i) set(env, elements, uint32_t(i), wrap(env, state.elements[i]));
    const napi_value entry = array(env, 8);
    const napi_value fields[] = {js(env, memory.flips),
                                 js(env, memory.decisions),
                                 js(env, memory.clipped),
                                 wrap(env, to_tensor(memory.numbers)),
                                 wrap(env, to_tensor(history)),
                                 wrap(env, to_tensor(lengths)),
                                 wrap(env, to_tensor(std::vector<double>(memory.tap.begin(), memory.tap.end()))),
                                 elements};
    for (uint32_t i = 0; i < std::size(fields); ++i) set(env, entry, i, fields[i]);
    set(env, out, uint32_t(k), entry);
  }
  return out;
}

template <class T>
std::vector<T> numbers(napi_env env, napi_value value, c10::ScalarType dtype) {
  const at::Tensor tensor = unwrap(env, value).contiguous();
  if (tensor.scalar_type() != dtype || !tensor.device().is_cpu()) throw Error("ERR_DTYPE", "wrong dtype of a memory");
  const T* data = tensor.const_data_ptr<T>();
  return {data, data + tensor.numel()};
}

optim::StageState to_stage_state(napi_env env, napi_value entry, const optim::Stage& stage) {
  array_length(env, entry, "stage");
  const auto at = [&](uint32_t i) { return element(env, entry, i); };
  optim::StageState state;
  optim::StageMemory& memory = state.memory;
  memory.flips = to_int64(env, at(0), "flips");
  memory.decisions = to_int64(env, at(1), "decisions");
  memory.clipped = to_int64(env, at(2), "clipped");
  memory.numbers = numbers<double>(env, at(3), c10::kDouble);
  const std::vector<double> history = numbers<double>(env, at(4), c10::kDouble);
  auto next = history.begin();
  if (keeps_history(stage.clipper)) {
    for (const int64_t length : numbers<int64_t>(env, at(5), c10::kLong)) {
      if (length < 0 || length > history.end() - next) throw Error("ERR_STATE", "a history is shorter than its length");
      memory.histories.emplace_back().load({next, next + length}, window_of(stage.clipper), quantile_of(stage.clipper));
      next += length;
    }
  }
  const std::vector<double> tap = numbers<double>(env, at(6), c10::kDouble);
  memory.tap.assign(tap.begin(), tap.end());
  const uint32_t elements = array_length(env, at(7), "elements");
  for (uint32_t i = 0; i < elements; ++i) {
    const napi_value value = element(env, at(7), i);
    state.elements.push_back(is_nullish(env, value) ? at::Tensor() : unwrap(env, value));
  }
  return state;
}

// optimLoad(optimizer, states, skipped, consecutive, stages): as optimState and optimStages give them.
napi_value load(napi_env env, Args& args) {
  Wrapped& data = wrapped(env, args[0]);
  std::vector<optim::ParameterState> states(array_length(env, args[1], "states"));
  for (uint32_t i = 0; i < states.size(); ++i) {
    const napi_value entry = element(env, args[1], i);
    array_length(env, entry, "state");
    const napi_value slots = element(env, entry, 1), scalars = element(env, entry, 2);
    states[i].step = to_int64(env, element(env, entry, 0), "step");
    const uint32_t count = array_length(env, slots, "slots"), others = array_length(env, scalars, "scalars");
    for (uint32_t k = 0; k < std::min<uint32_t>(count, optim::kMaxSlots); ++k) {
      const napi_value tensor = element(env, slots, k);
      if (!is_nullish(env, tensor)) states[i].slot[k] = unwrap(env, tensor);
    }
    for (uint32_t k = 0; k < std::min<uint32_t>(others, optim::kMaxScalars); ++k) {
      states[i].scalar[k] = to_double(env, element(env, scalars, k), "scalars");
    }
  }
  std::vector<optim::StageState> stages;
  const uint32_t length = array_length(env, args[4], "stages");
  if (length != data.optimizer->stages()) throw Error("ERR_STATE", "the state is for another number of clippers");
  for (uint32_t k = 0; k < length; ++k) {
    stages.push_back(to_stage_state(env, element(env, args[4], k), data.optimizer->stage(k)));
  }
  const optim::Counters counters{to_int64(env, args[2], "skipped"), to_int64(env, args[3], "consecutive")};
  data.optimizer->load(states, counters, stages);
  data.report(env, data.optimizer->state_bytes());
  return undefined(env);
}

napi_value counters(napi_env env, Args& args) {
  Optimizer& opt = optimizer(env, args[0]);
  opt.pull();
  const optim::Counters counters = opt.counters();
  return js(env, at::IntArrayRef({counters.skipped, counters.consecutive}));
}

// optimStats(optimizer, stage): [norm, coefficient, threshold, clipped, tap, taps, skipped], as optim/stats.h says.
napi_value stats(napi_env env, Args& args) {
  const Optimizer& opt = optimizer(env, args[0]);
  const int64_t stage = choice(env, args[1], "stage", std::max<int64_t>(1, int64_t(opt.stages())));
  const optim::Stats stats = opt.stats(size_t(stage));
  const at::Tensor* const fields[] = {&stats.norm, &stats.coefficient, &stats.threshold, &stats.clipped,
                                      &stats.tap,  &stats.taps,        &stats.skipped};
  const napi_value out = array(env, std::size(fields));
  for (uint32_t i = 0; i < std::size(fields); ++i) set(env, out, i, wrap(env, *fields[i]));
  return out;
}

}  // namespace

void register_optim_state(napi_env env, napi_value exports) {
  define(env, exports, "optimState", guarded<state>);
  define(env, exports, "optimSlot", guarded<slot>);
  define(env, exports, "optimStages", guarded<stages>);
  define(env, exports, "optimLoad", guarded<load>);
  define(env, exports, "optimCounters", guarded<counters>);
  define(env, exports, "optimStats", guarded<stats>);
}

}  // namespace tc
