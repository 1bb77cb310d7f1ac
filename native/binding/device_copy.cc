// Copies from a GPU without waiting for it: the copy goes to pinned memory behind what the stream has to do, and an
// event tells when it is there.
#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "binding/func/wrapped.h"
#include "binding/handle.h"
#include "binding/modules.h"
#include "binding/owning_object.h"
#include "binding/transfer.h"

namespace tc {
namespace {

class DeviceCopy {
 public:
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x636f70792d707464};
  static constexpr const char* kNoun = "a copy under way";

  DeviceCopy(const at::Tensor& tensor, bool scalar)
      : scalar_(scalar), exported_(exported(tensor.scalar_type())), event_(tensor.device().type()) {
    // An item keeps its dtype, which a typed array would widen.
    source_ = scalar ? tensor.detach() : dense_of(tensor, exported_.memory);
    if (source_.layout() != c10::kStrided) source_ = source_.to_dense();
    host_ = at::empty(source_.sizes(), at::TensorOptions(source_.scalar_type()).pinned_memory(true));
    host_.copy_(source_, /*non_blocking=*/true);
    event_.record(c10::impl::VirtualGuardImpl(tensor.device().type()).getStream(tensor.device()));
  }

  bool done() const { return event_.query(); }

  napi_value value(napi_env env) const {
    return scalar_ ? js(env, host_.item()) : typed_array(env, exported_.type, host_);
  }

 private:
  bool scalar_;
  Exported exported_;
  c10::Event event_;
  at::Tensor source_, host_;
};

// copyBegin(tensor, scalar)
napi_value begin(napi_env env, Args& args) {
  const at::Tensor given = unwrap(env, args[0]);
  refuse_batched(given, "the values of a tensor");
  const at::Tensor& tensor = innermost(given);
  const OutsideTransforms outside;
  const bool scalar = to_bool(env, args[1], "scalar");
  if (scalar && tensor.numel() != 1) {
    throw Error("ERR_SHAPE", "itemAsync() needs a tensor of one element, got " + std::to_string(tensor.numel()));
  }
  return to_object(env, std::make_unique<DeviceCopy>(tensor, scalar));
}
napi_value done(napi_env env, Args& args) { return js(env, from_object<DeviceCopy>(env, args[0]).done()); }
napi_value value(napi_env env, Args& args) {
  const DeviceCopy& copy = from_object<DeviceCopy>(env, args[0]);
  if (!copy.done()) throw Error("ERR_STATE", "the copy is still under way");
  return copy.value(env);
}

}  // namespace

void register_device_copy(napi_env env, napi_value exports) {
  define(env, exports, "copyBegin", guarded<begin>);
  define(env, exports, "copyDone", guarded<done>);
  define(env, exports, "copyValue", guarded<value>);
}

}  // namespace tc
