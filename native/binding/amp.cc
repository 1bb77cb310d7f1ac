// Automatic mixed precision: the modes of autocast, and the arithmetic of a gradient scaler.
#include "binding/amp.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>

#include <map>
#include <set>
#include <utility>

#include "binding/handle.h"
#include "binding/modules.h"
#include "binding/value.h"
#include "optim/partial_memory.h"

namespace tc {
namespace {

thread_local int autocast_depth = 0;

c10::DeviceType to_device_type(napi_env env, napi_value value) { return to_device(env, value, "deviceType").type(); }

// autocastState(deviceType): enabled, dtype, whether casts of weights are kept.
napi_value autocast_state(napi_env env, Args& args) {
  const c10::DeviceType type = to_device_type(env, args[0]);
  const napi_value parts[] = {js(env, at::autocast::is_autocast_enabled(type)),
                              js(env, static_cast<int64_t>(at::autocast::get_autocast_dtype(type))),
                              js(env, at::autocast::is_autocast_cache_enabled())};
  return make_array(env, std::size(parts), [&](size_t i) { return parts[i]; });
}

void set_autocast(napi_env env, Args& args) {
  const c10::DeviceType type = to_device_type(env, args[0]);
  const bool enabled = to_bool(env, args[1], "enabled");
  const c10::ScalarType dtype = to_dtype(env, args[2], "dtype");
  const bool cache = to_bool(env, args[3], "cacheEnabled");
  at::autocast::set_autocast_enabled(type, enabled);
  at::autocast::set_autocast_dtype(type, dtype);
  at::autocast::set_autocast_cache_enabled(cache);
}

// autocastEnter(deviceType, enabled, dtype, cacheEnabled)
napi_value autocast_enter(napi_env env, Args& args) {
  set_autocast(env, args);
  at::autocast::increment_nesting();
  ++autocast_depth;
  return undefined(env);
}
// autocastExit(deviceType, enabled, dtype, cacheEnabled): back to what it was.
napi_value autocast_exit(napi_env env, Args& args) {
  if (autocast_depth == 0) throw Error("ERR_STATE", "no autocast is active");
  --autocast_depth;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  set_autocast(env, args);
  return undefined(env);
}

// What unscaling multiplies of a gradient: real numbers, without gaps and each at an address of its own.
at::Tensor reals(const at::Tensor& grad) {
  if (grad.layout() != at::kStrided && grad.layout() != at::kSparse) {
    throw Error("ERR_ARGUMENT", "gradients must be dense or sparse in COO layout to be unscaled");
  }
  // Of a gradient of which this process has a part, that: whoever has the others unscales them.
  at::Tensor values = grad.is_sparse() ? grad._values() : optim::is_partial(grad) ? optim::kept_part(grad) : grad;
  // A real factor leaves the conjugate's conjugate a conjugate.
  if (values.is_complex()) values = at::view_as_real(values.is_conj() ? values.conj() : values);
  if (values.scalar_type() == at::kHalf) throw Error("ERR_DTYPE", "Attempting to unscale FP16 gradients.");
  if (at::has_internal_overlap(values) == at::MemOverlap::Yes) {
    throw Error("ERR_ARGUMENT",
                "a gradient whose elements share memory, such as one made by expand(), cannot be unscaled");
  }
  return values;
}

// ampUnscale(parameters, inverse): multiplies the gradients by the inverse of the scale; returns one tensor per device,
// without dimensions, that is 1 where NaN or inf was among them, and else 0. Everything is looked at before anything is
// multiplied.
napi_value unscale(napi_env env, Args& args) {
  const at::NoGradGuard no_grad;
  const uint32_t n = array_length(env, args[0], "parameters");
  std::map<std::pair<int, int>, std::vector<at::Tensor>> batches;
  std::set<const c10::TensorImpl*> seen;
  for (uint32_t i = 0; i < n; ++i) {
    const at::Tensor parameter = unwrap(env, element(env, args[0], i));
    const at::Tensor& grad = parameter.unsafeGetTensorImpl()->grad();
    // One that two parameters share is divided once.
    if (!grad.defined() || !seen.insert(grad.unsafeGetTensorImpl()).second) continue;
    at::Tensor values = reals(grad);
    batches[{values.device().index(), static_cast<int>(values.scalar_type())}].push_back(std::move(values));
  }
  const at::Tensor inverse = unwrap(env, args[1]);
  std::map<int, at::Tensor> found;
  for (auto& [key, grads] : batches) {
    const auto options = at::TensorOptions(grads.front().device()).dtype(at::kFloat);
    at::Tensor& flag = found.try_emplace(key.first, at::zeros({}, options)).first->second;
    at::_amp_foreach_non_finite_check_and_unscale_(grads, flag, inverse.to(options, /*non_blocking=*/true));
  }
  auto next = found.begin();
  return make_array(env, found.size(), [&](size_t) { return wrap(env, (next++)->second); });
}

// ampUpdate(scale, growthTracker, foundInf, growthFactor, backoffFactor, growthInterval)
napi_value update(napi_env env, Args& args) {
  at::Tensor scale = unwrap(env, args[0]), tracker = unwrap(env, args[1]);
  at::_amp_update_scale_(scale, tracker, unwrap(env, args[2]), to_double(env, args[3], "growthFactor"),
                         to_double(env, args[4], "backoffFactor"), to_int64(env, args[5], "growthInterval"));
  return undefined(env);
}

}  // namespace

void forget_casts() {
  if (autocast_depth > 0) at::autocast::clear_cache();
}

void register_amp(napi_env env, napi_value exports) {
  define(env, exports, "autocastState", guarded<autocast_state>);
  define(env, exports, "autocastEnter", guarded<autocast_enter>);
  define(env, exports, "autocastExit", guarded<autocast_exit>);
  define(env, exports, "ampUnscale", guarded<unscale>);
  define(env, exports, "ampUpdate", guarded<update>);
}

}  // namespace tc
