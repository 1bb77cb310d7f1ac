// Hooks: JavaScript functions that autograd calls with a gradient.
#pragma once

#include <node_api.h>

#include "binding/handle.h"

namespace tc {

// A graph holds its hooks, and a hook's function may hold the tensor that holds the graph: neither collector sees the
// whole circle. So the reference to a function becomes a weak one while nothing but one handle can reach the graph,
// whose JavaScript object then keeps the function (lib/tensor.ts), and the circle is JavaScript's alone. Any use of the
// handle makes the reference strong again, before the graph can be reached from elsewhere.
void weaken_hooks(napi_env env);
void hold_hooks(napi_env env, Entry& entry);

}  // namespace tc
