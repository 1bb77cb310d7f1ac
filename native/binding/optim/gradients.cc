// Norms of gradients, and clipping them without an optimizer.
#include "optim/gradients.h"

#include "binding/optim/support.h"

namespace tc {
namespace {

// The gradients of those tensors that have one.
std::vector<at::Tensor> gradients(napi_env env, napi_value list) {
  std::vector<at::Tensor> out;
  for (const at::Tensor& t : tensors(env, list, "parameters")) {
    const at::Tensor& grad = t.unsafeGetTensorImpl()->grad();
    if (grad.defined()) out.push_back(grad);
  }
  return out;
}

napi_value or_null(napi_env env, const at::Tensor& total) { return total.defined() ? wrap(env, total) : null(env); }

// clipGradNorm(parameters, maxNorm, normType, errorIfNonfinite): the norm before clipping, or null where it is refused.
napi_value clip_grad_norm(napi_env env, Args& args) {
  return or_null(env,
                 optim::clip_by_norm(gradients(env, args[0]), to_double(env, args[1], "maxNorm"),
                                     to_double(env, args[2], "normType"), to_bool(env, args[3], "errorIfNonfinite")));
}

// totalNorm(tensors, normType, errorIfNonfinite)
napi_value total_norm(napi_env env, Args& args) {
  return or_null(env, optim::total_norm(tensors(env, args[0], "tensors"), to_double(env, args[1], "normType"),
                                        to_bool(env, args[2], "errorIfNonfinite")));
}

// clipGradsWithNorm(parameters, maxNorm, totalNorm)
napi_value clip_grads_with_norm(napi_env env, Args& args) {
  optim::clip_with_norm(gradients(env, args[0]), to_double(env, args[1], "maxNorm"), unwrap(env, args[2]));
  return undefined(env);
}

napi_value clip_grad_value(napi_env env, Args& args) {
  optim::clip_by_value(gradients(env, args[0]), to_double(env, args[1], "clipValue"));
  return undefined(env);
}

}  // namespace

void register_gradients(napi_env env, napi_value exports) {
  define(env, exports, "clipGradNorm", guarded<clip_grad_norm>);
  define(env, exports, "totalNorm", guarded<total_norm>);
  define(env, exports, "clipGradsWithNorm", guarded<clip_grads_with_norm>);
  define(env, exports, "clipGradValue", guarded<clip_grad_value>);
}

}  // namespace tc
