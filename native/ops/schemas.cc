// The dispatcher's schemas as JSON, for the generator of lib/ops.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <sstream>

#include "binding/value.h"
#include "ops/op.h"

namespace tc {
namespace {

void quoted(std::ostream& out, const std::string& s) {
  out << '"';
  for (char c : s) {
    if (c == '"' || c == '\\') out << '\\';
    out << c;
  }
  out << '"';
}

void alias(std::ostream& out, const c10::AliasInfo* info) {
  out << ",\"write\":" << (info != nullptr && info->isWrite() ? "true" : "false");
  if (info == nullptr) return;
  out << ",\"alias\":";
  std::string names;
  for (const auto& set : info->beforeSets()) names += (names.empty() ? "" : "|") + std::string(set.toUnqualString());
  quoted(out, names);
}

// Defaults are printed as the schema prints them.
std::string default_of(const c10::Argument& a) {
  std::ostringstream one;
  one << *a.default_value();
  return one.str();
}

void argument(std::ostream& out, const c10::Argument& a) {
  out << "{\"name\":";
  quoted(out, a.name());
  out << ",\"type\":";
  quoted(out, a.real_type()->str());
  if (a.N().has_value()) out << ",\"n\":" << *a.N();
  out << ",\"hasDefault\":" << (a.default_value().has_value() ? "true" : "false");
  if (a.default_value().has_value()) {
    out << ",\"default\":";
    quoted(out, default_of(a));
  }
  out << ",\"kwargOnly\":" << (a.kwarg_only() ? "true" : "false") << ",\"out\":" << (a.is_out() ? "true" : "false");
  alias(out, a.alias_info());
  out << '}';
}

}  // namespace

napi_value op_schemas(napi_env env, Args&) {
  std::ostringstream out;
  out << '[';
  bool first = true;
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const auto& name : dispatcher.getAllOpNames()) {
    if (name.name.rfind("aten::", 0) != 0) continue;
    const auto handle = dispatcher.findSchema(name);
    if (!handle.has_value()) continue;
    const auto& schema = handle->schema();
    out << (first ? "" : ",\n") << "{\"name\":";
    first = false;
    quoted(out, name.name);
    out << ",\"overload\":";
    quoted(out, name.overload_name);
    out << ",\"args\":[";
    for (size_t i = 0; i < schema.arguments().size(); ++i) {
      if (i > 0) out << ',';
      argument(out, schema.arguments()[i]);
    }
    out << "],\"returns\":[";
    for (size_t i = 0; i < schema.returns().size(); ++i) {
      const auto& r = schema.returns()[i];
      out << (i > 0 ? "," : "") << "{\"name\":";
      quoted(out, r.name());
      out << ",\"type\":";
      quoted(out, r.real_type()->str());
      alias(out, r.alias_info());
      out << '}';
    }
    out << "]}";
  }
  out << ']';
  return js(env, std::string_view(out.str()));
}

}  // namespace tc
