// libtorch's profiler: what ran, when and how long, on the host and on GPUs.
#include <ATen/record_function.h>
#include <dlfcn.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "binding/allocator.h"
#include "binding/autograd/callback.h"
#include "binding/modules.h"
#include "binding/owning_object.h"

namespace tc {
namespace {

namespace profiler = torch::autograd::profiler;
using torch::profiler::impl::ActivityType;
using torch::profiler::impl::ProfilerConfig;
using torch::profiler::impl::ProfilerState;

// Kineto has one session a process.
std::atomic<bool> running = false;

struct Trace {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x70726f662d747261};
  static constexpr const char* kNoun = "a trace of the profiler";
  std::unique_ptr<profiler::ProfilerResult> result;
};

struct Region {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x70726f662d726567};
  static constexpr const char* kNoun = "a region of the profiler";
  ~Region() { end(); }
  void begin(std::string name);
  void end();
  at::RecordFunction function{at::RecordScope::USER_SCOPE};
};

// This thread's session. The destructor ends it with the thread, or with a process that calls exit() while it runs:
// libtorch's own destructors would call into a Kineto that is no longer there, and no other thread could begin a
// session.
class Session {
 public:
  // What is made first is destroyed last: libtorch's own state of the thread, which the end of a session needs.
  Session() {
    static_cast<void>(torch::profiler::impl::profilerEnabled());
    static_cast<void>(at::hasThreadLocalCallbacks());
  }
  ~Session() {
    if (!live_) return;
    try {
      end();
    } catch (...) {
      // Nobody is left to hear of it.
    }
  }

  void begin(const ProfilerConfig& config, const std::set<ActivityType>& activities) {
    profiler::prepareProfiler(config, activities);
    profiler::enableProfiler(config, activities);
    live_ = true;
  }

  bool live() const { return live_; }

  std::unique_ptr<profiler::ProfilerResult> end() {
    // A region that ended later would write to what the session no longer has.
    while (!regions_.empty()) (*regions_.begin())->end();
    live_ = false;
    profiles_memory = running = false;
    return profiler::disableProfiler();
  }

  void add(Region* region) { regions_.insert(region); }
  void remove(Region* region) { regions_.erase(region); }

 private:
  bool live_ = false;
  std::set<Region*> regions_;
};
thread_local Session session;

void Region::begin(std::string name) {
  if (!function.isActive()) return;
  function.before(std::move(name));
  if (session.live()) session.add(this);
}

void Region::end() {
  function.end();
  if (session.live()) session.remove(this);
}

// Kineto writes a line to the standard error stream for each session unless its first one finds this variable.
class Quiet {
 public:
  Quiet() : set_(std::getenv(kName) == nullptr) {
    if (set_) setenv(kName, "99", 0);
  }
  ~Quiet() {
    if (set_) unsetenv(kName);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  static constexpr const char* kName = "KINETO_LOG_LEVEL";
  bool set_;
};

// Kineto's entry, which only a libtorch with Kineto has.
napi_value available(napi_env env, Args&) {
  return js(env, dlsym(RTLD_DEFAULT, "_ZN5torch18global_kineto_initEv") != nullptr);
}

// libtorch puts the state of the thread back after its work, a session included, and ends in the next session what
// began in this one.
void refuse_interruption() {
  if (!Interruption::is_open()) return;
  throw Error("ERR_STATE",
              "a profile cannot start or stop within a backward pass, or whatever else of libtorch's calls a function");
}

// profilerCheck(): throws where a session can neither start nor stop.
napi_value check_movable(napi_env env, Args&) {
  refuse_interruption();
  return undefined(env);
}

// profilerStart(cpu, cuda, recordShapes, profileMemory, withFlops)
napi_value start(napi_env env, Args& args) {
  std::set<ActivityType> activities;
  if (to_bool(env, args[0], "cpu")) activities.insert(ActivityType::CPU);
  if (to_bool(env, args[1], "cuda")) activities.insert(ActivityType::CUDA);
  const bool shapes = to_bool(env, args[2], "recordShapes"), memory = to_bool(env, args[3], "profileMemory"),
             flops = to_bool(env, args[4], "withFlops");
  refuse_interruption();
  if (running.exchange(true)) throw Error("ERR_STATE", "the profiler is running already, and a process has only one");
  try {
    const Quiet quiet;
    const ProfilerConfig config(ProfilerState::KINETO, shapes, memory, /*with_stack=*/false, flops);
    session.begin(config, activities);
    profiles_memory = memory;
  } catch (...) {
    running = false;
    throw;
  }
  return undefined(env);
}

napi_value stop(napi_env env, Args&) {
  // Nor on this thread, if it runs on another one.
  if (!session.live()) throw Error("ERR_STATE", "the profiler is not running");
  refuse_interruption();
  auto trace = std::make_unique<Trace>();
  trace->result = session.end();
  return to_object(env, std::move(trace));
}

// Gives each text a number.
class Numbered {
 public:
  int64_t operator()(std::string text) {
    const auto [at, added] = numbers_.try_emplace(std::move(text), static_cast<int64_t>(texts_.size()));
    if (added) texts_.push_back(&at->first);
    return at->second;
  }
  napi_value list(napi_env env) const {
    return make_array(env, texts_.size(), [&](size_t i) { return js(env, std::string_view(*texts_[i])); });
  }

 private:
  std::map<std::string, int64_t> numbers_;
  std::vector<const std::string*> texts_;
};

std::string text_of(c10::ArrayRef<std::vector<int64_t>> shapes) {
  std::string text;
  for (const auto& shape : shapes) {
    text += text.empty() ? "[" : ", [";
    for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    text += "]";
  }
  return text;
}

// profilerEvents(trace): the names, the shapes of arguments, and the events, twelve numbers each: the number of the
// name and that of the shapes, whether it ran on a GPU and which, nanoseconds from the trace's start and of its
// duration, the thread, its number and that of the operation that caused it, whether it is a region of the user's,
// bytes, operations.
napi_value events(napi_env env, Args& args) {
  const profiler::ProfilerResult& result = *from_object<Trace>(env, args[0]).result;
  Numbered names, shapes;
  std::vector<int64_t> numbers;
  for (const profiler::KinetoEvent& e : result.events()) {
    if (e.isHiddenEvent()) continue;
    const auto number = [](auto value) { return static_cast<int64_t>(value); };
    numbers.insert(
        numbers.end(),
        {names(e.name()), shapes(e.hasShapes() ? text_of(e.shapes()) : ""), number(e.deviceType() == c10::kCPU ? 0 : 1),
         number(e.deviceIndex()), number(e.startNs()) - number(result.trace_start_ns()), number(e.durationNs()),
         number(e.startThreadId()), number(e.correlationId()), number(e.linkedCorrelationId()),
         number(e.scope() == uint8_t(at::RecordScope::USER_SCOPE)), number(e.nBytes()), number(e.flops())});
  }
  const napi_value out = make_object(env);
  set(env, out, "names", names.list(env));
  set(env, out, "shapes", shapes.list(env));
  set(env, out, "numbers", js(env, c10::IntArrayRef(numbers)));
  return out;
}

// profilerSave(trace, path): as a Chrome trace.
napi_value save(napi_env env, Args& args) {
  from_object<Trace>(env, args[0]).result->save(to_string(env, args[1], "path"));
  return undefined(env);
}

// regionBegin(name); the region ends with regionEnd.
napi_value region_begin(napi_env env, Args& args) {
  std::string name = to_string(env, args[0], "name");
  auto region = std::make_unique<Region>();
  region->begin(std::move(name));
  return to_object(env, std::move(region));
}
napi_value region_end(napi_env env, Args& args) {
  from_object<Region>(env, args[0]).end();
  return undefined(env);
}

}  // namespace

void register_profiler(napi_env env, napi_value exports) {
  define(env, exports, "profilerAvailable", guarded<available>);
  define(env, exports, "profilerCheck", guarded<check_movable>);
  define(env, exports, "profilerStart", guarded<start>);
  define(env, exports, "profilerStop", guarded<stop>);
  define(env, exports, "profilerEvents", guarded<events>);
  define(env, exports, "profilerSave", guarded<save>);
  define(env, exports, "regionBegin", guarded<region_begin>);
  define(env, exports, "regionEnd", guarded<region_end>);
}

}  // namespace tc
