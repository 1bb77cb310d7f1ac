#pragma once

#include "binding/error.h"

namespace tc {

// The JSON of every aten schema of the dispatcher: what the generator of lib/ops reads.
napi_value op_schemas(napi_env env, Args& args);

}  // namespace tc
