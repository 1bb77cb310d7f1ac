// Streams and events.
#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include "binding/cuda/cuda.h"
#include "binding/handle.h"

namespace tc::cuda {
namespace {

struct Event {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x637564612d657674};
  static constexpr const char* kNoun = "a CUDA event";
  c10::Event event;
};

napi_value stream_object(napi_env env, c10::Stream stream) {
  return to_object(env, std::make_unique<Stream>(Stream{stream}));
}
const c10::Stream& stream_of(napi_env env, napi_value value) { return from_object<Stream>(env, value).stream; }
c10::Event& event_of(napi_env env, napi_value value) { return from_object<Event>(env, value).event; }

// newStream(device, highPriority)
napi_value new_stream(napi_env env, Args& args) {
  return stream_object(env,
                       driver().getStreamFromGlobalPool(to_gpu(env, args[0]), to_bool(env, args[1], "highPriority")));
}
napi_value current_stream(napi_env env, Args& args) {
  return stream_object(env, driver().getStream(to_gpu(env, args[0])));
}
napi_value default_stream(napi_env env, Args& args) {
  return stream_object(env, driver().getDefaultStream(to_gpu(env, args[0])));
}
// Makes the stream the current one of its device; returns the one before.
napi_value exchange_stream(napi_env env, Args& args) {
  return stream_object(env, driver().exchangeStream(stream_of(env, args[0])));
}
napi_value stream_device(napi_env env, Args& args) {
  return js(env, static_cast<int64_t>(stream_of(env, args[0]).device_index()));
}
napi_value same_stream(napi_env env, Args& args) { return js(env, stream_of(env, args[0]) == stream_of(env, args[1])); }
napi_value query_stream(napi_env env, Args& args) { return js(env, stream_of(env, args[0]).query()); }
napi_value synchronize_stream(napi_env env, Args& args) {
  stream_of(env, args[0]).synchronize();
  return undefined(env);
}
// What follows on the stream waits for the event.
napi_value wait_event(napi_env env, Args& args) {
  stream_of(env, args[0]).wait(event_of(env, args[1]));
  return undefined(env);
}

// recordStream(tensor, stream): the memory is not given to another tensor before the stream has done what it has now.
napi_value record_stream(napi_env env, Args& args) {
  unwrap(env, args[0]).record_stream(stream_of(env, args[1]));
  return undefined(env);
}

// newEvent(enableTiming)
napi_value new_event(napi_env env, Args& args) {
  const auto flag =
      to_bool(env, args[0], "enableTiming") ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT;
  return to_object(env, std::make_unique<Event>(Event{c10::Event(c10::kCUDA, flag)}));
}
napi_value record_event(napi_env env, Args& args) {
  event_of(env, args[0]).record(stream_of(env, args[1]));
  return undefined(env);
}
napi_value query_event(napi_env env, Args& args) { return js(env, event_of(env, args[0]).query()); }
napi_value synchronize_event(napi_env env, Args& args) {
  event_of(env, args[0]).synchronize();
  return undefined(env);
}
// Milliseconds from the first event to the second.
napi_value elapsed_time(napi_env env, Args& args) {
  return js(env, event_of(env, args[0]).elapsedTime(event_of(env, args[1])));
}

}  // namespace

void register_streams(napi_env env, napi_value exports) {
  define(env, exports, "cudaNewStream", guarded<new_stream>);
  define(env, exports, "cudaCurrentStream", guarded<current_stream>);
  define(env, exports, "cudaDefaultStream", guarded<default_stream>);
  define(env, exports, "cudaExchangeStream", guarded<exchange_stream>);
  define(env, exports, "cudaStreamDevice", guarded<stream_device>);
  define(env, exports, "cudaSameStream", guarded<same_stream>);
  define(env, exports, "cudaQueryStream", guarded<query_stream>);
  define(env, exports, "cudaSynchronizeStream", guarded<synchronize_stream>);
  define(env, exports, "cudaWaitEvent", guarded<wait_event>);
  define(env, exports, "cudaRecordStream", guarded<record_stream>);
  define(env, exports, "cudaNewEvent", guarded<new_event>);
  define(env, exports, "cudaRecordEvent", guarded<record_event>);
  define(env, exports, "cudaQueryEvent", guarded<query_event>);
  define(env, exports, "cudaSynchronizeEvent", guarded<synchronize_event>);
  define(env, exports, "cudaElapsedTime", guarded<elapsed_time>);
}

}  // namespace tc::cuda
