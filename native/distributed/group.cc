#include "distributed/group.h"

#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <c10/util/Logging.h>

#include <cstdlib>
#include <unordered_set>

#include "binding/foreign_error.h"
#include "distributed/checked_gloo.h"
#include "distributed/deferred.h"
#include "distributed/failure.h"
#include "distributed/register.h"
#include "distributed/store.h"

namespace tc::distributed {
namespace {

using std::chrono::milliseconds;
using BackendType = c10d::ProcessGroup::BackendType;
using GroupPtr = c10::intrusive_ptr<c10d::ProcessGroup>;

// What making a group may take beyond its time-out before its promise is rejected.
constexpr milliseconds kGrace{500};

// Those that were never destroyed: they are left to the end of the process.
class Living {
 public:
  static Living& all() {
    static Living& living = *std::make_unique<Living>().release();
    return living;
  }
  void add(const std::shared_ptr<Group>& group) {
    const std::lock_guard lock(mutex_);
    groups_.insert(group);
  }
  void remove(const std::shared_ptr<Group>& group) {
    const std::lock_guard lock(mutex_);
    groups_.erase(group);
  }

 private:
  std::mutex mutex_;
  std::unordered_set<std::shared_ptr<Group>> groups_;
};

struct GroupSettings {
  c10::intrusive_ptr<c10d::Store> store;
  std::string name;
  int rank, size;
  // The devices of a group, each with its backend, in the order that all ranks have.
  std::vector<std::pair<c10::DeviceType, std::string>> backends;
  milliseconds timeout;
};

c10::intrusive_ptr<c10d::Backend> make_backend(const GroupSettings& settings, const std::string& name,
                                               const std::string& prefix,
                                               const c10::intrusive_ptr<c10d::Store>& group) {
  const auto store = c10::make_intrusive<Meeting>(prefix, group);
  if (name == "gloo") {
    auto options = c10d::ProcessGroupGloo::Options::create_default(settings.timeout);
    options->group_name = settings.name;
    return c10::make_intrusive<CheckedGloo>(store, settings.rank, settings.size, options);
  }
#ifdef USE_C10D_NCCL
  if (name == "nccl") {
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = settings.timeout;
    options->group_name = settings.name;
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, settings.rank, settings.size, options);
  }
#endif
  throw Error("ERR_DISTRIBUTED_UNAVAILABLE", "this build has no backend \"" + name + "\"");
}

BackendType type_of_backend(const std::string& name) { return c10d::ProcessGroup::strToBackendType(name); }

// The same steps, names and order as PyTorch's init_process_group, so that processes of both meet.
GroupPtr build(const GroupSettings& settings) {
  const c10::intrusive_ptr<c10d::Store> store =
      c10::make_intrusive<c10d::PrefixStore>(settings.name + "/", settings.store);
  auto group = c10::make_intrusive<c10d::ProcessGroup>(store, settings.rank, settings.size);
  bool alike = true;
  bool nccl = false;
  for (const auto& [device, backend] : settings.backends) {
    alike = alike && backend == settings.backends[0].second;
    nccl = nccl || backend == "nccl";
  }
  group->setDefaultBackend(nccl ? BackendType::NCCL : BackendType::GLOO);
  c10::intrusive_ptr<c10d::Backend> backend;
  for (const auto& [device, name] : settings.backends) {
    // One backend for all devices has the prefix of the first.
    if (!alike || !backend) {
      const std::string prefix = c10::DeviceTypeName(device, /*lower_case=*/true) + "/";
      backend = make_backend(settings, name, prefix, store);
    }
    group->setBackend(device, type_of_backend(name), backend);
  }
  group->setGroupName(settings.name);
  return group;
}

// groupMake(store, name, rank, size, backends, timeout, limit): a promise of a group. `backends` are pairs of device
// and backend; `timeout` is that of its calls, `limit` that of its making.
napi_value group_make(napi_env env, Args& args) {
  GroupSettings settings;
  settings.store = store_of(env, args[0]);
  settings.name = to_string(env, args[1], "name");
  const int64_t rank = to_int64(env, args[2], "rank");
  const int64_t size = to_int64(env, args[3], "size");
  if (size < 1 || size > 1 << 20 || rank < 0 || rank >= size) {
    throw Error("ERR_ARGUMENT", "\"rank\" must be an integer from 0 to the number of ranks less 1");
  }
  settings.rank = static_cast<int>(rank);
  settings.size = static_cast<int>(size);
  for (uint32_t i = 0, n = array_length(env, args[4], "backends"); i < n; ++i) {
    const napi_value pair = element(env, args[4], i);
    settings.backends.emplace_back(to_device(env, element(env, pair, 0), "device").type(),
                                   to_string(env, element(env, pair, 1), "backend"));
  }
  if (settings.backends.empty()) throw Error("ERR_ARGUMENT", "\"backends\" must not be empty");
  const int64_t ms = to_int64(env, args[5], "timeout");
  if (ms <= 0) throw Error("ERR_ARGUMENT", "\"timeout\" must be an integer > 0");
  settings.timeout = milliseconds(ms);
  const milliseconds limit(std::max<int64_t>(1, to_int64(env, args[6], "limit")));
  const std::string what = "the process group of rank " + std::to_string(rank) + " of " + std::to_string(size);
  const std::string late = what + " was not made within " + std::to_string(limit.count()) +
                           " ms: another rank did not come, or it cannot be reached";
  return run_aside(env, limit + kGrace, late, [settings, what, late]() -> Value {
    try {
      const auto group = make_group(reporting(what, settings.timeout, [&] { return build(settings); }), settings.name,
                                    settings.timeout);
      return [group](napi_env env) {
        auto made = std::make_unique<GroupObject>();
        made->group = group;
        return to_object(env, std::move(made));
      };
    } catch (const Error& e) {
      throw std::string_view(e.code()) == "ERR_TIMEOUT" ? Error("ERR_TIMEOUT", late) : e;
    }
  });
}

// groupRegistered(name, timeout): a group that other code of the process has made and given a name.
napi_value group_registered(napi_env env, Args& args) {
  const std::string name = to_string(env, args[0], "name");
  auto made = std::make_unique<GroupObject>();
  made->group = make_group(c10d::resolve_process_group(name), name, milliseconds(to_int64(env, args[1], "timeout")));
  return to_object(env, std::move(made));
}

// groupCompare(group): all of its ranks run this package, and compare what they call.
napi_value group_compare(napi_env env, Args& args) {
  if (auto* gloo = CheckedGloo::of(*group_of(env, args[0])->live())) gloo->compare();
  return undefined(env);
}

// groupDestroy(group): a promise. What is under way goes on until its own time-out.
napi_value group_destroy(napi_env env, Args& args) {
  const auto group = group_of(env, args[0]);
  if (group->destroyed()) throw Error("ERR_STATE", "the process group has been destroyed");
  const milliseconds limit = group->timeout + milliseconds(1000);
  const std::string late =
      "the process group is still destroying itself after " + std::to_string(limit.count()) + " ms";
  return run_aside(env, limit, late, [group]() -> Value {
    GroupPtr taken = group->take();
    if (!taken) return {};
    taken->shutdown();
    if (auto* gloo = CheckedGloo::of(*taken)) {
      gloo->leave();
      // Its destructor would wait for calls that nobody answers.
      if (gloo->difference()) static_cast<void>(c10::intrusive_ptr<CheckedGloo>::reclaim_copy(gloo).release());
    }
    taken.reset();
    return {};
  });
}

// distributedBackends(): the names of those that this build has.
napi_value backends(napi_env env, Args&) {
#ifdef USE_C10D_NCCL
  const std::vector<std::string_view> names{"gloo", "nccl"};
#else
  const std::vector<std::string_view> names{"gloo"};
#endif
  return make_array(env, names.size(), [&](size_t i) { return js(env, names[i]); });
}

}  // namespace

GroupPtr Group::live() const {
  const std::lock_guard lock(mutex_);
  if (!group_) throw Error("ERR_STATE", "the process group has been destroyed");
  if (spoilt_) {
    throw Error("ERR_DISTRIBUTED", "the process group cannot be used: its ranks have called different things before");
  }
  return group_;
}

bool Group::destroyed() const {
  const std::lock_guard lock(mutex_);
  return !group_;
}

void Group::spoil() {
  const std::lock_guard lock(mutex_);
  spoilt_ = true;
}

GroupPtr Group::take() {
  const std::lock_guard lock(mutex_);
  return std::move(group_);
}

std::shared_ptr<Group> make_group(GroupPtr group, std::string name, milliseconds timeout) {
  auto made = std::make_shared<Group>();
  made->rank = group->getRank();
  made->size = group->getSize();
  made->group_ = std::move(group);
  made->name = std::move(name);
  made->timeout = timeout;
  Living::all().add(made);
  return made;
}

std::shared_ptr<Group> group_of(napi_env env, napi_value value) { return from_object<GroupObject>(env, value).group; }

void register_group(napi_env env, napi_value exports) {
  foreign_error = foreign;
  // c10d writes to the standard error, C++ frames included, what its exceptions say as well.
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = c10::GLOG_FATAL;
  define(env, exports, "groupMake", guarded<group_make>);
  define(env, exports, "groupRegistered", guarded<group_registered>);
  define(env, exports, "groupCompare", guarded<group_compare>);
  define(env, exports, "groupDestroy", guarded<group_destroy>);
  define(env, exports, "distributedBackends", guarded<backends>);
}

}  // namespace tc::distributed
