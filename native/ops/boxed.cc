// Every ATen operator through the dispatcher: one converter over FunctionSchema, no per-operator code.
#include <ATen/core/stack.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "binding/amp.h"
#include "binding/env.h"
#include "binding/error.h"
#include "binding/handle.h"
#include "binding/modules.h"
#include "binding/random.h"
#include "binding/value.h"
#include "ops/checked_kernels.h"
#include "ops/ivalue.h"
#include "ops/op.h"
#include "ops/undo.h"
#include "ops/whole.h"

namespace tc {
namespace {

using c10::TypeKind;

Arg list_kind(const c10::Type& element) {
  switch (element.kind()) {
    case TypeKind::TensorType:
      return Arg::TensorList;
    case TypeKind::OptionalType:
      return element.containedType(0)->kind() == TypeKind::TensorType ? Arg::OptionalTensorList : Arg::Unsupported;
    case TypeKind::IntType:
    case TypeKind::SymIntType:
      return Arg::IntList;
    case TypeKind::FloatType:
      return Arg::FloatList;
    case TypeKind::BoolType:
      return Arg::BoolList;
    case TypeKind::NumberType:
      return Arg::ScalarList;
    default:
      return Arg::Unsupported;
  }
}

Arg kind_of(const c10::Type& type) {
  switch (type.kind()) {
    case TypeKind::TensorType:
      return Arg::Tensor;
    case TypeKind::OptionalType:
      return kind_of(*type.containedType(0));
    case TypeKind::ListType:
      return list_kind(*type.containedType(0));
    case TypeKind::IntType:
    case TypeKind::SymIntType:
    case TypeKind::QSchemeType:
      return Arg::Int;
    case TypeKind::FloatType:
      return Arg::Float;
    case TypeKind::BoolType:
    case TypeKind::SymBoolType:
      return Arg::Bool;
    case TypeKind::NumberType:
      return Arg::Scalar;
    case TypeKind::StringType:
      return Arg::String;
    case TypeKind::ScalarTypeType:
      return Arg::Dtype;
    case TypeKind::LayoutType:
      return Arg::Layout;
    case TypeKind::MemoryFormatType:
      return Arg::MemoryFormat;
    case TypeKind::DeviceObjType:
      return Arg::Device;
    case TypeKind::GeneratorType:
      return Arg::Generator;
    default:
      return Arg::Unsupported;
  }
}

template <typename T, typename Read>
c10::IValue list(napi_env env, napi_value v, const Param& p, Read read) {
  c10::List<T> items;
  if (p.size > 0 && type_of(env, v) != napi_object) {  // int[2] takes one number for both
    items.resize(static_cast<size_t>(p.size), read(v));
    return items;
  }
  const uint32_t n = array_length(env, v, p.name.c_str());
  items.reserve(n);
  for (uint32_t i = 0; i < n; ++i) items.push_back(read(element(env, v, i)));
  return items;
}

c10::IValue to_ivalue(napi_env env, napi_value v, const Param& p) {
  const char* name = p.name.c_str();
  switch (p.kind) {
    case Arg::Tensor:
      return unwrap(env, v);
    case Arg::TensorList:
      return list<at::Tensor>(env, v, p, [&](napi_value e) { return unwrap(env, e); });
    case Arg::OptionalTensorList:
      return list<std::optional<at::Tensor>>(env, v, p, [&](napi_value e) -> std::optional<at::Tensor> {
        if (is_nullish(env, e)) return std::nullopt;
        return unwrap(env, e);
      });
    case Arg::Int:
      return to_int64(env, v, name);
    case Arg::IntList:
      return list<int64_t>(env, v, p, [&](napi_value e) { return to_int64(env, e, name); });
    case Arg::Float:
      return to_double(env, v, name);
    case Arg::FloatList:
      return list<double>(env, v, p, [&](napi_value e) { return to_double(env, e, name); });
    case Arg::Bool:
      return to_bool(env, v, name);
    case Arg::BoolList:
      return list<bool>(env, v, p, [&](napi_value e) { return to_bool(env, e, name); });
    case Arg::Scalar:
      return to_scalar(env, v, name);
    case Arg::ScalarList: {
      c10::impl::GenericList items(c10::NumberType::get());
      const uint32_t n = array_length(env, v, name);
      for (uint32_t i = 0; i < n; ++i) items.push_back(c10::IValue(to_scalar(env, element(env, v, i), name)));
      return items;
    }
    case Arg::String:
      return to_string(env, v, name);
    case Arg::Dtype:
      return static_cast<int64_t>(to_dtype(env, v, name));
    case Arg::Layout:
      return static_cast<int64_t>(to_layout(env, v, name));
    case Arg::MemoryFormat:
      return static_cast<int64_t>(to_memory_format(env, v, name));
    case Arg::Device:
      return to_device(env, v, name);
    case Arg::Generator:
      return unwrap_generator(env, v);
    case Arg::Unsupported:
      break;
  }
  throw Error("ERR_ARGUMENT", "\"" + p.name + "\" has a type with no JavaScript equivalent");
}

// Whether an operator that writes in place may have written a weight: what has a graph behind it, as the activations of
// an in-place relu, is none.
bool may_be_weight(const torch::jit::Stack& results) {
  return results.size() != 1 || !results[0].isTensor() || results[0].toTensor().is_leaf();
}

// The functions take the arguments in schema order.
template <size_t N>
napi_value call(napi_env env, napi_callback_info info) noexcept {
  try {
    ArgsOf<N> args;
    check(env, napi_get_cb_info(env, info, &args.count, args.v, nullptr, &args.data));
    const Op& op = *static_cast<const Op*>(args.data);
    collect_if_testing(env);

    torch::jit::Stack stack;
    stack.reserve(op.params.size());
    for (size_t i = 0; i < op.params.size(); ++i) {
      const Param& p = op.params[i];
      const napi_valuetype type = i < args.count ? type_of(env, args[i]) : napi_undefined;
      if (type == napi_undefined && p.has_default) {
        stack.push_back(p.fallback);
      } else if (type == napi_undefined || type == napi_null) {
        if (!p.optional) throw Error("ERR_ARGUMENT", "\"" + p.name + "\" is missing");
        stack.emplace_back();
      } else {
        stack.push_back(to_ivalue(env, args[i], p));
      }
    }

    {
      std::optional<DefaultGenerator> generator;
      if (op.random) generator.emplace(Env::of(env));
      call_whole(op, stack);
    }
    if (op.reshapes) {
      for (size_t i : op.changed) {
        if (i < args.count) recount(env, args[i]);
      }
    }
    if (!op.changed.empty() && may_be_weight(stack)) forget_casts();

    if (stack.size() == 1) {
      if (op.written[0]) return undefined(env);
      return to_js(env, stack[0]);
    }
    if (stack.empty()) return undefined(env);
    const napi_value results = make_array(env, stack.size());
    for (size_t i = 0; i < stack.size(); ++i) {
      if (!op.written[i]) set(env, results, i, to_js(env, stack[i]));
    }
    return results;
  } catch (...) {
    to_javascript(env);
    return nullptr;
  }
}

constexpr size_t kMaxOpArgs = 32;

napi_callback boxed(size_t params) { return params < 5 ? call<5> : call<kMaxOpArgs>; }

// Operators live as long as the process: the dispatcher's own entries do, and functions of any thread point at them.
const Op* find(const std::string& name, const std::string& overload) {
  static std::mutex mutex;
  static auto& ops = *std::make_unique<std::unordered_map<std::string, std::unique_ptr<Op>>>().release();
  std::lock_guard lock(mutex);
  auto [it, added] = ops.try_emplace(name + "." + overload);
  if (added) {
    auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    if (handle.has_value() && handle->schema().arguments().size() < kMaxOpArgs) {
      it->second = std::make_unique<Op>(*handle);
    }
  }
  return it->second.get();
}

// op(name, overload): the operator as a function, or undefined where there is none.
napi_value op(napi_env env, Args& args) {
  const std::string name = to_string(env, args[0], "name");
  const Op* found = find(name, to_string(env, args[1], "overload"));
  if (found == nullptr) return undefined(env);
  napi_value function;
  check(env, napi_create_function(env, name.c_str(), name.size(), found->callback, const_cast<Op*>(found), &function));
  return function;
}

// A property under any name, `__proto__` too.
void define_own(napi_env env, napi_value object, const std::string& name, napi_value value) {
  napi_value key;
  check(env, napi_create_string_utf8(env, name.data(), name.size(), &key));
  const napi_property_descriptor own{
      nullptr, key, nullptr, nullptr, nullptr, value, static_cast<napi_property_attributes>(napi_default_jsproperty),
      nullptr};
  check(env, napi_define_properties(env, object, 1, &own));
}

}  // namespace

napi_value to_js(napi_env env, const c10::IValue& value) {
  if (value.isTensor()) return wrap(env, value.toTensor());
  if (value.isNone()) return null(env);
  if (value.isInt()) return js(env, value.toInt());
  if (value.isDouble()) return js(env, value.toDouble());
  if (value.isBool()) return js(env, value.toBool());
  if (value.isScalar()) return js(env, value.toScalar());
  if (value.isSymInt()) return js(env, value.toSymInt().guard_int(__FILE__, __LINE__));
  if (value.isString()) return js(env, std::string_view(value.toStringRef()));
  if (value.isDevice()) return js(env, std::string_view(value.toDevice().str()));
  if (value.isGenerator()) return wrap(env, value.toGenerator());
  if (value.isList() || value.isTuple()) {
    const auto items = value.isList() ? value.toListRef().vec() : value.toTupleRef().elements().vec();
    return make_array(env, items.size(), [&](size_t i) { return to_js(env, items[i]); });
  }
  if (value.isGenericDict()) {
    const auto items = value.toGenericDict();
    const napi_value out = make_object(env);
    for (const auto& item : items) {
      if (!item.key().isString()) break;
      define_own(env, out, item.key().toStringRef(), to_js(env, item.value()));
    }
    if (items.empty() || items.begin()->key().isString()) return out;
  }
  throw Error("ERR_LIBTORCH", "the result is a " + value.tagKind() + ", which JavaScript cannot hold");
}

Op::Op(c10::OperatorHandle h) : handle(std::move(h)) {
  const auto& schema = handle.schema();
  for (const auto& a : schema.arguments()) {
    const c10::Type& type = *a.real_type();
    params.push_back({kind_of(type), type.kind() == TypeKind::OptionalType, a.N().value_or(0),
                      a.default_value().has_value(), a.default_value().value_or(c10::IValue()), a.name()});
    if (a.is_out()) outs.push_back(params.size() - 1);
    if (a.alias_info() != nullptr && a.alias_info()->isWrite()) changed.push_back(params.size() - 1);
  }
  // Not every one of these has the tag.
  const std::string& name = schema.name();
  reshapes = !outs.empty() || handle.hasTag(at::Tag::inplace_view) || name.find("resize") != std::string::npos ||
             name.find("::set_") != std::string::npos;
  writes_by_index = outs.empty() && tc::writes_by_index(name);
  // Observers of quantization, for example: by the time that the second is refused, the first has been written.
  const bool beside = outs.empty() && !changed.empty() && changed.back() > 0;
  checks_late = !changed.empty() && (outs.size() > 1 || beside || tc::checks_late(name));
  multiplies = (name == "aten::mul" || name == "aten::mul_" || name == "aten::multiply" || name == "aten::multiply_") &&
               schema.overload_name() == "Scalar";
  fills = is_filling(name);
  for (const auto& r : schema.returns()) written.push_back(r.alias_info() != nullptr && r.alias_info()->isWrite());
  random = handle.hasTag(at::Tag::nondeterministic_seeded);
  gives_indices = is_giving_indices(name);
  if (is_making_sparse(name)) {
    for (size_t i = 0; i < params.size(); ++i) {
      if (params[i].name.ends_with("indices")) indices.push_back(i);
    }
  }
  const napi_callback fast = random || fills || gives_indices ? nullptr : unboxed(*this);
  callback = fast != nullptr ? fast : boxed(params.size());
}

void register_ops(napi_env env, napi_value exports) {
  install_checked_kernels();
  define(env, exports, "op", guarded<op>);
  define(env, exports, "opSchemas", guarded<op_schemas>);
}

}  // namespace tc
