// What operators and TorchScript return, for JavaScript.
#pragma once

#include <ATen/core/ivalue.h>
#include <node_api.h>

namespace tc {

// Lists and tuples become arrays, dictionaries with texts as keys objects.
napi_value to_js(napi_env env, const c10::IValue& value);

}  // namespace tc
