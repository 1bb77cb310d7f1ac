#include "binding/error.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <new>
#include <string_view>

#include "binding/env.h"
#include "binding/foreign_error.h"

namespace tc {
namespace {

// libtorch has one exception type for most refusals; these words tell the kinds apart. First match wins.
struct Pattern {
  std::string_view words;
  const char* code;
};
constexpr Pattern kPatterns[] = {
    {"a fully sharded module", "ERR_STATE"},
    {"vmap", "ERR_STATE"},
    {"can't allocate memory", "ERR_OUT_OF_MEMORY"},
    {"out of memory", "ERR_OUT_OF_MEMORY"},
    {"Storage size calculation overflowed", "ERR_SHAPE"},
    {"does not require grad", "ERR_AUTOGRAD"},
    {"doesn't require gradient", "ERR_AUTOGRAD"},
    {"requires_grad=False", "ERR_AUTOGRAD"},
    {"differentiated Tensors", "ERR_AUTOGRAD"},
    {"inference tensor", "ERR_AUTOGRAD"},
    {"requires grad", "ERR_AUTOGRAD"},
    {"derivative for", "ERR_AUTOGRAD"},
    {"backward through the graph a second time", "ERR_AUTOGRAD"},
    {"modified by an inplace operation", "ERR_AUTOGRAD"},
    {"returned nan values", "ERR_NONFINITE"},
    {"forward AD", "ERR_AUTOGRAD"},
    {"Inference tensor", "ERR_AUTOGRAD"},
    {"grad can be implicitly created", "ERR_AUTOGRAD"},
    {"CUDA' backend", "ERR_CUDA_UNAVAILABLE"},
    {"not compiled with CUDA", "ERR_CUDA_UNAVAILABLE"},
    {"no NVIDIA driver", "ERR_CUDA_UNAVAILABLE"},
    {"Cannot access accelerator device", "ERR_CUDA_UNAVAILABLE"},
    {"same device", "ERR_DEVICE"},
    {"device type", "ERR_DEVICE"},
    {"expected scalar type", "ERR_DTYPE"},
    {"expected dtype", "ERR_DTYPE"},
    {"same dtype", "ERR_DTYPE"},
    {"not implemented for '", "ERR_DTYPE"},
    {"result type", "ERR_DTYPE"},
    {"out of range", "ERR_INDEX"},
    {"out of bounds", "ERR_INDEX"},
    {"must match the size", "ERR_SHAPE"},
    {"shape", "ERR_SHAPE"},
    {"size", "ERR_SHAPE"},
    {"negative dimension", "ERR_SHAPE"},
    {"dimension", "ERR_SHAPE"},
};

const char* code_of(std::string_view message) {
  for (const auto& p : kPatterns) {
    if (message.find(p.words) != std::string_view::npos) return p.code;
  }
  return "ERR_LIBTORCH";
}

// libtorch appends "Exception raised from ..." and a C++ backtrace to some messages.
std::string_view without_backtrace(std::string_view message) {
  message =
      message.substr(0, std::min(message.find("\nException raised from"), message.find("\nC++ CapturedTraceback")));
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.remove_suffix(1);
  return message;
}

// What libtorch says of vmap to Python's users, for JavaScript's.
std::string in_our_words(std::string_view message) {
  constexpr std::string_view kNoRule = "Batching rule not implemented for ";
  if (message.starts_with(kNoRule)) {
    message.remove_prefix(kNoRule.size());
    const std::string_view op = message.substr(0, message.find_first_of(".; ", message.find("::") + 2));
    return "vmap() cannot map over " + std::string(op) + ", for which libtorch has no rule";
  }
  if (message.find("vmap") == std::string_view::npos) return std::string(message);
  if (message.find("data-dependent control flow") != std::string_view::npos) {
    return "a tensor that vmap() maps over cannot decide in JavaScript, as it has a value for each sample; "
           "torch.where() "
           "chooses by value";
  }
  if (message.find("randomness error mode") != std::string_view::npos) {
    return "a random operation inside of vmap() needs its option \"randomness\", 'same' or 'different' for all samples";
  }
  for (const std::string_view end : {" Please file", " please file", ", please file", " If said operator"}) {
    message = message.substr(0, message.find(end));
  }
  return std::string(message);
}

void throw_error(napi_env env, const char* code, std::string_view message) noexcept {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return;
  napi_value args[2], constructor = nullptr, error = nullptr;
  napi_ref cls = Env::of(env).error_class;
  if (napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &args[0]) == napi_ok &&
      napi_create_string_utf8(env, message.data(), message.size(), &args[1]) == napi_ok && cls != nullptr &&
      napi_get_reference_value(env, cls, &constructor) == napi_ok &&
      napi_new_instance(env, constructor, 2, args, &error) == napi_ok) {
    napi_throw(env, error);
  } else if (napi_is_exception_pending(env, &pending) == napi_ok && !pending) {
    napi_throw_error(env, code, std::string(message).c_str());
  }
}

}  // namespace

struct JsException::Ref {
  napi_env env;
  napi_ref ref = nullptr;
  ~Ref() { napi_delete_reference(env, ref); }
};

JsException::JsException(napi_env env) : ref_(std::make_shared<Ref>()) {
  napi_value value;
  ref_->env = env;
  napi_get_and_clear_last_exception(env, &value);
  // Anything can be thrown in JavaScript and only objects can be referenced everywhere, so it travels in a box.
  napi_value box;
  napi_create_array_with_length(env, 1, &box);
  napi_set_element(env, box, 0, value);
  napi_create_reference(env, box, 1, &ref_->ref);
}

void JsException::rethrow(napi_env env) const noexcept {
  napi_value box, value;
  if (napi_get_reference_value(env, ref_->ref, &box) == napi_ok && napi_get_element(env, box, 0, &value) == napi_ok) {
    napi_throw(env, value);
  }
}

void check(napi_env env, napi_status status) {
  if (status == napi_ok) [[likely]]
    return;
  if (status == napi_pending_exception) throw JsException(env);
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) throw JsException(env);
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw Error("ERR_ARGUMENT",
              info != nullptr && info->error_message != nullptr ? info->error_message : "a Node-API call failed");
}

void to_javascript(napi_env env) noexcept {
  try {
    throw;
  } catch (const JsException& e) {
    e.rethrow(env);
  } catch (const Error& e) {
    throw_error(env, e.code(), e.what());
  } catch (const c10::OutOfMemoryError& e) {
    throw_error(env, "ERR_OUT_OF_MEMORY", without_backtrace(e.what_without_backtrace()));
  } catch (const c10::IndexError& e) {
    throw_error(env, "ERR_INDEX", without_backtrace(e.what_without_backtrace()));
  } catch (const c10::Error& e) {
    const auto message = in_our_words(without_backtrace(e.what_without_backtrace()));
    throw_error(env, code_of(message), message);
  } catch (const std::bad_alloc&) {
    throw_error(env, "ERR_OUT_OF_MEMORY", "the process ran out of memory");
  } catch (const std::exception& e) {
    if (foreign_error != nullptr) {
      if (const auto named = foreign_error(e)) return throw_error(env, named->code(), named->what());
    }
    const auto message = in_our_words(without_backtrace(e.what()));
    throw_error(env, code_of(message), message);
  } catch (...) {
    throw_error(env, "ERR_INTERNAL", "an unknown C++ exception was thrown");
  }
}

void define(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function));
  check(env, napi_set_named_property(env, exports, name, function));
}

}  // namespace tc
