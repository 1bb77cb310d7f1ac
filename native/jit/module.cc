// TorchScript modules: read from archives, called with JavaScript's values. libtorch's interpreter runs them; nothing
// in an archive is Python's or JavaScript's.
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/env.h"
#include "binding/handle.h"
#include "binding/owning_object.h"
#include "binding/random.h"
#include "jit/register.h"
#include "ops/ivalue.h"

namespace tc {
namespace {

using c10::TypeKind;

struct Script {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x6a69742d6d6f6475};
  static constexpr const char* kNoun = "a TorchScript module";
  torch::jit::Module module;
};

// A value as the declaration of a method wants it.
c10::IValue to_ivalue(napi_env env, napi_value v, const c10::TypePtr& type, const std::string& name) {
  switch (type->kind()) {
    case TypeKind::TensorType:
      if (type_of(env, v) != napi_external) throw Error("ERR_ARGUMENT", "\"" + name + "\" must be a Tensor");
      return unwrap(env, v);
    case TypeKind::OptionalType:
      if (is_nullish(env, v)) return {};
      return to_ivalue(env, v, type->expectRef<c10::OptionalType>().getElementType(), name);
    case TypeKind::NoneType:
      if (is_nullish(env, v)) return {};
      break;
    case TypeKind::IntType:
      return to_int64(env, v, name.c_str());
    case TypeKind::FloatType:
      return to_double(env, v, name.c_str());
    case TypeKind::BoolType:
      return to_bool(env, v, name.c_str());
    case TypeKind::NumberType:
      return c10::IValue(to_scalar(env, v, name.c_str()));
    case TypeKind::StringType:
      return to_string(env, v, name.c_str());
    case TypeKind::DeviceObjType:
      return to_device(env, v, name.c_str());
    case TypeKind::ListType: {
      const c10::TypePtr& inner = type->containedType(0);
      c10::impl::GenericList items(inner);
      const uint32_t n = array_length(env, v, name.c_str());
      for (uint32_t i = 0; i < n; ++i) {
        items.push_back(to_ivalue(env, element(env, v, i), inner, name + "[" + std::to_string(i) + "]"));
      }
      return items;
    }
    case TypeKind::TupleType: {
      const auto& inner = type->containedTypes();
      if (array_length(env, v, name.c_str()) != inner.size()) {
        throw Error("ERR_ARGUMENT", "\"" + name + "\" must be an array of " + std::to_string(inner.size()) +
                                        " elements, as " + type->annotation_str());
      }
      std::vector<c10::IValue> items;
      for (uint32_t i = 0; i < inner.size(); ++i) {
        items.push_back(to_ivalue(env, element(env, v, i), inner[i], name + "[" + std::to_string(i) + "]"));
      }
      return c10::ivalue::Tuple::createNamed(std::move(items), type->cast<c10::TupleType>());
    }
    case TypeKind::DictType: {
      if (type->containedType(0)->kind() != TypeKind::StringType) break;
      bool is_list = false;
      check(env, napi_is_array(env, v, &is_list));
      if (type_of(env, v) != napi_object || is_list)
        throw Error("ERR_ARGUMENT", "\"" + name + "\" must be an object, as " + type->annotation_str());
      napi_value keys;
      check(env, napi_get_property_names(env, v, &keys));
      c10::impl::GenericDict items(type->containedType(0), type->containedType(1));
      const uint32_t n = array_length(env, keys, name.c_str());
      for (uint32_t i = 0; i < n; ++i) {
        const std::string key = to_string(env, element(env, keys, i), name.c_str());
        items.insert(key, to_ivalue(env, property(env, v, key.c_str()), type->containedType(1), name + "." + key));
      }
      return items;
    }
    default:
      break;
  }
  throw Error("ERR_ARGUMENT", "\"" + name + "\" has the type " + type->annotation_str() +
                                  " of TorchScript, for which JavaScript has no value");
}

// jitLoad(path, device?)
napi_value load(napi_env env, Args& args) {
  std::optional<c10::Device> device;
  const std::string path = to_string(env, args[0], "path");
  if (!is_nullish(env, args[1])) device = to_device(env, args[1], "device");
  return to_object(env, std::make_unique<Script>(torch::jit::load(path, device, /*load_debug_files=*/false)));
}

// jitMethods(script): their names and declarations.
napi_value methods(napi_env env, Args& args) {
  const auto all = from_object<Script>(env, args[0]).module.get_methods();
  return make_array(env, all.size(), [&](size_t i) {
    const napi_value out = make_object(env);
    std::string declaration;
    for (const auto& a : all[i].function().getSchema().arguments()) {
      if (a.name() == "self") continue;
      declaration += (declaration.empty() ? "" : ", ") + a.name() + ": " + a.type()->annotation_str();
    }
    set(env, out, "name", js(env, std::string_view(all[i].name())));
    set(env, out, "parameters", js(env, std::string_view(declaration)));
    return out;
  });
}

// jitCall(script, method, arguments)
napi_value call(napi_env env, Args& args) {
  // A copy shares the module, which the call outlives even where it collects the script.
  const torch::jit::Module module = from_object<Script>(env, args[0]).module;
  const std::string name = to_string(env, args[1], "method");
  const auto method = module.find_method(name);
  if (!method.has_value()) throw Error("ERR_ARGUMENT", "the model has no method " + name + "()");
  const auto& wanted = method->function().getSchema().arguments();  // `self` first
  const uint32_t n = array_length(env, args[2], "arguments");
  if (n + 1 > wanted.size()) {
    throw Error("ERR_ARGUMENT",
                "it takes at most " + std::to_string(wanted.size() - 1) + " arguments, got " + std::to_string(n));
  }
  if (n + 1 < wanted.size() && !wanted[n + 1].default_value().has_value()) {
    throw Error("ERR_ARGUMENT",
                "\"" + wanted[n + 1].name() + "\" is missing, as " + wanted[n + 1].type()->annotation_str());
  }
  std::vector<c10::IValue> inputs;
  for (uint32_t i = 0; i < n; ++i) {
    inputs.push_back(to_ivalue(env, element(env, args[2], i), wanted[i + 1].type(), wanted[i + 1].name()));
  }
  const DefaultGenerator generator(Env::of(env));
  return to_js(env, (*method)(std::move(inputs)));
}

template <class List>
napi_value tensors(napi_env env, const List& list) {
  std::vector<std::pair<std::string, at::Tensor>> all;
  for (const auto& entry : list) all.emplace_back(entry.name, entry.value);
  return make_array(env, all.size(), [&](size_t i) {
    const napi_value pair = make_array(env, 2);
    set(env, pair, size_t{0}, js(env, std::string_view(all[i].first)));
    set(env, pair, size_t{1}, wrap(env, all[i].second));
    return pair;
  });
}

// jitTensors(script, buffers): pairs of a name and a tensor.
napi_value named(napi_env env, Args& args) {
  const auto& module = from_object<Script>(env, args[0]).module;
  return to_bool(env, args[1], "buffers") ? tensors(env, module.named_buffers())
                                          : tensors(env, module.named_parameters());
}

// jitTrain(script, on)
napi_value train(napi_env env, Args& args) {
  from_object<Script>(env, args[0]).module.train(to_bool(env, args[1], "on"));
  return undefined(env);
}

// jitTo(script, device)
napi_value move_to(napi_env env, Args& args) {
  from_object<Script>(env, args[0]).module.to(to_device(env, args[1], "device"));
  return undefined(env);
}

}  // namespace

void register_jit(napi_env env, napi_value exports) {
  define(env, exports, "jitLoad", guarded<load>);
  define(env, exports, "jitMethods", guarded<methods>);
  define(env, exports, "jitCall", guarded<call>);
  define(env, exports, "jitTensors", guarded<named>);
  define(env, exports, "jitTrain", guarded<train>);
  define(env, exports, "jitTo", guarded<move_to>);
}

}  // namespace tc
