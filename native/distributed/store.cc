#include "distributed/store.h"

#include <algorithm>
#include <cstring>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "binding/value.h"
#include "distributed/deferred.h"
#include "distributed/failure.h"
#include "distributed/register.h"

namespace tc::distributed {
namespace {

using std::chrono::milliseconds;
using StorePtr = c10::intrusive_ptr<c10d::Store>;
using Bytes = std::vector<uint8_t>;

// What a server that answers slowly may take beyond the time-out that it was asked with.
constexpr milliseconds kGrace{500};

milliseconds to_timeout(napi_env env, napi_value value) {
  const int64_t ms = to_int64(env, value, "timeout");
  if (ms <= 0) throw Error("ERR_ARGUMENT", "\"timeout\" must be an integer > 0");
  return milliseconds(ms);
}

Bytes to_bytes(napi_env env, napi_value value, const char* what) {
  const TypedArray array = to_typed_array(env, value, what);
  if (array.type != napi_uint8_array) throw Error("ERR_ARGUMENT", std::string("\"") + what + "\" must be a Uint8Array");
  const auto* first = static_cast<const uint8_t*>(array.data);
  return array.length == 0 ? Bytes() : Bytes(first, first + array.length);
}

napi_value from_bytes(napi_env env, const Bytes& bytes) {
  void* memory;
  napi_value buffer, array;
  check(env, napi_create_arraybuffer(env, bytes.size(), &memory, &buffer));
  if (!bytes.empty()) std::memcpy(memory, bytes.data(), bytes.size());
  check(env, napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &array));
  return array;
}

std::vector<std::string> to_strings(napi_env env, napi_value value, const char* what) {
  std::vector<std::string> strings(array_length(env, value, what));
  for (uint32_t i = 0; i < strings.size(); ++i) strings[i] = to_string(env, element(env, value, i), what);
  return strings;
}

napi_value store_object(napi_env env, StorePtr store) {
  auto made = std::make_unique<StoreObject>();
  made->store = std::move(store);
  return to_object(env, std::move(made));
}

Value boxing(StorePtr store) {
  return [store = std::move(store)](napi_env env) { return store_object(env, store); };
}

// storeTcp(host, port, isServer, worldSize, waitForWorkers, multiTenant, timeout): a promise of a store. worldSize 0 is
// unknown.
napi_value store_tcp(napi_env env, Args& args) {
  const std::string host = to_string(env, args[0], "host");
  const int64_t port = to_int64(env, args[1], "port");
  if (port < 0 || port > 65535) throw Error("ERR_ARGUMENT", "\"port\" must be an integer from 0 to 65535");
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.isServer = to_bool(env, args[2], "isServer");
  const int64_t workers = to_int64(env, args[3], "worldSize");
  if (workers < 0) throw Error("ERR_ARGUMENT", "\"worldSize\" must be an integer >= 0");
  if (workers > 0) options.numWorkers = static_cast<size_t>(workers);
  options.waitWorkers = to_bool(env, args[4], "waitForWorkers");
  options.multiTenant = to_bool(env, args[5], "multiTenant");
  options.timeout = to_timeout(env, args[6]);
  // libtorch has a libuv of its own, whose names Node.js's would take over (docs/architecture.md).
  options.useLibUV = false;
  const std::string what = std::string(options.isServer ? "the store's server on " : "the store's client for ") + host +
                           ":" + std::to_string(port);
  return run_aside(env, options.timeout + kGrace, late_sentence(what, options.timeout), [host, options, what] {
    return reporting(what, options.timeout, [&] {
      StorePtr store = c10::make_intrusive<c10d::TCPStore>(host, options);
      store->setTimeout(options.timeout);
      return boxing(std::move(store));
    });
  });
}

// storePort(store): that of a TCP store, which the system chose where 0 was asked for.
napi_value store_port(napi_env env, Args& args) {
  const auto tcp = c10::dynamic_intrusive_pointer_cast<c10d::TCPStore>(store_of(env, args[0]));
  if (!tcp) throw Error("ERR_ARGUMENT", "only a TCPStore has a port");
  return js(env, static_cast<int64_t>(tcp->getPort()));
}

// storeFile(path, worldSize, timeout): a promise of a store.
napi_value store_file(napi_env env, Args& args) {
  const std::string path = to_string(env, args[0], "path");
  const int64_t size = to_int64(env, args[1], "worldSize");
  if (size < -1 || size > INT32_MAX) throw Error("ERR_ARGUMENT", "\"worldSize\" must be an integer >= -1");
  const milliseconds timeout = to_timeout(env, args[2]);
  const std::string what = "the store of the file " + path;
  return run_aside(env, timeout + kGrace, late_sentence(what, timeout), [=] {
    return reporting(what, timeout, [&] {
      StorePtr store = c10::make_intrusive<c10d::FileStore>(path, static_cast<int>(size));
      store->setTimeout(timeout);
      return boxing(std::move(store));
    });
  });
}

napi_value store_hash(napi_env env, Args& args) {
  StorePtr store = c10::make_intrusive<c10d::HashStore>();
  store->setTimeout(to_timeout(env, args[0]));
  return store_object(env, std::move(store));
}

// storePrefix(prefix, store)
napi_value store_prefix(napi_env env, Args& args) {
  return store_object(
      env, c10::make_intrusive<c10d::PrefixStore>(to_string(env, args[0], "prefix"), store_of(env, args[1])));
}

napi_value set_timeout(napi_env env, Args& args) {
  store_of(env, args[0])->setTimeout(to_timeout(env, args[1]));
  return undefined(env);
}

// storeClose(store): lets go of it at once, and of the server's port with it.
napi_value store_close(napi_env env, Args& args) {
  from_object<StoreObject>(env, args[0]).store.reset();
  return undefined(env);
}

// What a call of a store needs; read on JavaScript's thread, used on another.
struct Call {
  StorePtr store;
  std::vector<std::string> keys;
  std::vector<Bytes> values;
  int64_t amount = 0;
  milliseconds timeout{0};
};

const std::string& key_of(const Call& call) {
  if (call.keys.empty()) throw Error("ERR_ARGUMENT", "a key is missing");
  return call.keys[0];
}
const Bytes& value_of(const Call& call, size_t i = 0) {
  if (call.values.size() <= i) throw Error("ERR_ARGUMENT", "a value is missing");
  return call.values[i];
}

// A client waits with its connection locked: another call of the same store would wait with it. So it waits on a
// connection of its own, unless the keys are there. It looks again from time to time, because the server of a TCP store
// wakes no waiting rank when compareSet() sets a key.
StorePtr with_keys(const Call& call) {
  if (call.store->check(call.keys)) return call.store;
  constexpr milliseconds kSlice{500};
  const auto end = std::chrono::steady_clock::now() + call.timeout;
  const StorePtr own = call.store->clone();
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
    const milliseconds slice = std::clamp(left, milliseconds(1), kSlice);
    const auto begun = std::chrono::steady_clock::now();
    try {
      own->setTimeout(slice);
      own->wait(call.keys, slice);
      break;
    } catch (const c10::Error&) {
      // Every store has an error of its own for a time that is up.
      if (own->check(call.keys)) break;
      if (left <= kSlice || std::chrono::steady_clock::now() < begun + slice / 2) throw;
    }
  }
  own->setTimeout(call.timeout);
  return own;
}

Value bytes_value(Bytes bytes) {
  return [bytes = std::move(bytes)](napi_env env) { return from_bytes(env, bytes); };
}
Value list_value(std::vector<Bytes> list) {
  return [list = std::move(list)](napi_env env) {
    return make_array(env, list.size(), [&](size_t i) { return from_bytes(env, list[i]); });
  };
}
template <class T>
Value plain_value(T value) {
  return [value](napi_env env) { return js(env, value); };
}

struct Method {
  std::string_view name;
  Value (*run)(const Call& call);
};

constexpr Method kMethods[] = {
    {"set",
     [](const Call& c) {
       c.store->set(key_of(c), value_of(c));
       return Value();
     }},
    {"get", [](const Call& c) { return bytes_value(with_keys(c)->get(key_of(c))); }},
    {"add", [](const Call& c) { return plain_value(c.store->add(key_of(c), c.amount)); }},
    {"compareSet",
     [](const Call& c) { return bytes_value(c.store->compareSet(key_of(c), value_of(c), value_of(c, 1))); }},
    {"check", [](const Call& c) { return plain_value(c.store->check(c.keys)); }},
    {"wait",
     [](const Call& c) {
       with_keys(c);
       return Value();
     }},
    {"deleteKey", [](const Call& c) { return plain_value(c.store->deleteKey(key_of(c))); }},
    {"numKeys", [](const Call& c) { return plain_value(c.store->getNumKeys()); }},
    {"append",
     [](const Call& c) {
       c.store->append(key_of(c), value_of(c));
       return Value();
     }},
    {"multiGet", [](const Call& c) { return list_value(with_keys(c)->multiGet(c.keys)); }},
    {"multiSet",
     [](const Call& c) {
       if (c.keys.size() != c.values.size()) throw Error("ERR_ARGUMENT", "each key needs a value");
       c.store->multiSet(c.keys, c.values);
       return Value();
     }},
};

// storeCall(store, method, keys, values, amount, timeout): a promise of what the method returns.
napi_value store_call(napi_env env, Args& args) {
  Call call;
  call.store = store_of(env, args[0]);
  const std::string name = to_string(env, args[1], "method");
  const auto* method = std::find_if(std::begin(kMethods), std::end(kMethods), [&](auto& m) { return m.name == name; });
  if (method == std::end(kMethods)) throw Error("ERR_ARGUMENT", "a store has no method \"" + name + "\"");
  call.keys = to_strings(env, args[2], "keys");
  call.values.resize(array_length(env, args[3], "values"));
  for (uint32_t i = 0; i < call.values.size(); ++i) {
    call.values[i] = to_bytes(env, element(env, args[3], i), "values");
  }
  call.amount = to_int64(env, args[4], "amount");
  call.timeout = to_timeout(env, args[5]);
  const std::string what =
      name + "() of the store" + (call.keys.empty() ? "" : " for the key \"" + plain(call.keys[0]) + "\"");
  const std::string late = what + " timed out after " + std::to_string(call.timeout.count()) +
                           " ms: no process set the key, or the server does not answer";
  const milliseconds timeout = call.timeout;
  return run_aside(env, timeout + kGrace, late, [call = std::move(call), method, what, late, timeout] {
    try {
      return reporting(what, timeout, [&] { return method->run(call); });
    } catch (const Error& e) {
      throw std::string_view(e.code()) == "ERR_TIMEOUT" ? Error("ERR_TIMEOUT", late) : e;
    }
  });
}

}  // namespace

StorePtr store_of(napi_env env, napi_value value) {
  StorePtr store = from_object<StoreObject>(env, value).store;
  if (!store) throw Error("ERR_STATE", "the store is closed");
  return store;
}

void register_store(napi_env env, napi_value exports) {
  define(env, exports, "storeTcp", guarded<store_tcp>);
  define(env, exports, "storePort", guarded<store_port>);
  define(env, exports, "storeFile", guarded<store_file>);
  define(env, exports, "storeHash", guarded<store_hash>);
  define(env, exports, "storePrefix", guarded<store_prefix>);
  define(env, exports, "storeTimeout", guarded<set_timeout>);
  define(env, exports, "storeClose", guarded<store_close>);
  define(env, exports, "storeCall", guarded<store_call>);
}

}  // namespace tc::distributed
