#include "ops/whole.h"

#include <ATen/ScalarOps.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "binding/error.h"
#include "binding/func/wrapped.h"
#include "ops/undo.h"

namespace tc {
namespace {

// In libtorch's words.
[[noreturn]] void refuse_recorded(const Op& op) {
  const std::string& name = op.handle.schema().name();
  throw Error("ERR_AUTOGRAD", name.substr(name.find("::") + 2) +
                                  "(): functions with out=... arguments don't support automatic differentiation, but "
                                  "one of the arguments requires grad.");
}

// An operator may give its `out` another shape while it reads its inputs, so an input that is the same tensor is passed
// as a view that keeps its own; two outs that are one tensor cannot both be right.
void separate_outs(torch::jit::Stack& stack, const Op& op) {
  for (size_t o : op.outs) {
    if (!stack[o].isTensor()) continue;
    const at::Tensor out = stack[o].toTensor();
    for (size_t i = 0; i < stack.size(); ++i) {
      if (i == o) continue;
      if (stack[i].isTensor() && stack[i].toTensor().is_same(out)) {
        if (std::find(op.outs.begin(), op.outs.end(), i) != op.outs.end()) {
          throw Error("ERR_ARGUMENT", "\"out\" must hold a different tensor for each result");
        }
        stack[i] = out.alias();
      } else if (stack[i].isTensorList()) {
        auto list = stack[i].toTensorList();
        for (size_t j = 0; j < list.size(); ++j) {
          if (list.get(j).is_same(out)) list.set(j, out.alias());
        }
      }
    }
  }
}

// By their names without a trailing underscore.
constexpr std::string_view kFills[] = {"aten::fill",       "aten::full",          "aten::full_like",
                                       "aten::new_full",   "aten::scalar_tensor", "aten::masked_fill",
                                       "aten::index_fill", "aten::fill_diagonal", "aten::constant_pad_nd",
                                       "aten::scatter",    "aten::threshold",     "aten::hardtanh"};

// Sparse and quantized tensors get another shape by copies as well.
bool may_be_half_done(const Op& op, const torch::jit::Stack& stack) {
  if (op.reshapes || op.checks_late || takes_sparse(stack)) return true;
  return std::any_of(op.changed.begin(), op.changed.end(), [&](size_t i) {
    return stack[i].isTensor() && stack[i].toTensor().defined() && stack[i].toTensor().is_quantized();
  });
}

// libtorch says so once the tensor has been written.
void check_inference(const Op& op, const torch::jit::Stack& stack) {
  if (c10::InferenceMode::is_enabled()) return;
  const auto check_one = [](const at::Tensor& t) {
    if (t.defined() && t.is_inference()) {
      throw Error("ERR_AUTOGRAD", "a tensor that was made in inference mode can be written to only in inference mode");
    }
  };
  for (size_t i : op.changed) {
    if (stack[i].isTensor()) check_one(stack[i].toTensor());
    if (!stack[i].isTensorList()) continue;
    for (const at::Tensor& t : stack[i].toTensorVector()) check_one(t);
  }
}

bool requires_grad(const c10::IValue& value) {
  if (value.isTensor()) return value.toTensor().defined() && value.toTensor().requires_grad();
  if (!value.isTensorList()) return false;
  const auto list = value.toTensorVector();
  return std::any_of(list.begin(), list.end(), [](const at::Tensor& t) { return t.defined() && t.requires_grad(); });
}

// Whether a graph would be recorded, which cannot lead to an `out`.
bool is_recorded(const Op& op, const torch::jit::Stack& stack) {
  return !op.outs.empty() && c10::GradMode::is_enabled() && std::any_of(stack.begin(), stack.end(), requires_grad);
}

bool is_differentiable(const c10::IValue& value) {
  const auto is = [](const at::Tensor& t) { return t.defined() && (t.is_floating_point() || t.is_complex()); };
  if (value.isTensor()) return is(value.toTensor());
  if (!value.isTensorList()) return false;
  const auto list = value.toTensorVector();
  return std::any_of(list.begin(), list.end(), is);
}

// Some operators record that they have no derivative, or that they copied: whether they do is seen from tensors that
// stand for the outs, where there can be any.
void check_recorded(const Op& op, const torch::jit::Stack& stack) {
  const bool transformed = std::any_of(stack.begin(), stack.end(), [](const c10::IValue& value) {
    return value.isTensor() && is_wrapped(value.toTensor());
  });
  for (size_t o : op.outs) {
    const bool hidden = transformed || !stack[o].isTensor() || !may_write_apart(op, stack[o].toTensor());
    if (requires_grad(stack[o]) || (hidden && is_differentiable(stack[o]))) refuse_recorded(op);
  }
}

// libtorch says that the shapes do not fit, or writes nothing.
void check_shared(const Op& op, const torch::jit::Stack& stack) {
  uint64_t all = 0;
  for (const c10::IValue& value : stack) {
    if (value.isTensor()) all |= batched_levels(value.toTensor());
  }
  if (all == 0) return;
  for (size_t i : op.changed) {
    if (!stack[i].isTensor() || (all & ~batched_levels(stack[i].toTensor())) == 0) continue;
    throw Error("ERR_STATE", op.handle.schema().name() +
                                 " cannot write what differs between the samples of vmap() to a tensor that they "
                                 "share; use the operator that makes a new tensor");
  }
}

constexpr std::string_view kRebinds[] = {"aten::set_", "aten::resize_as_", "aten::as_strided_", "aten::resize_"};

// Without a word, libtorch leaves a batched tensor as it is, or takes the elements of one sample for another's.
void check_batched(const Op& op, const torch::jit::Stack& stack) {
  if (!op.reshapes || op.changed.empty() || !stack[op.changed[0]].isTensor()) return;
  const at::Tensor& t = stack[op.changed[0]].toTensor();
  const std::string& name = op.handle.schema().name();
  if (!t.defined() || !is_batched(t)) return;
  if (std::find(std::begin(kRebinds), std::end(kRebinds), name) == std::end(kRebinds)) return;
  if (name == "aten::resize_" && stack[1].isIntList()) {
    const auto sizes = stack[1].toIntVector();
    const int64_t count = c10::multiply_integers(sizes);
    if (t.numel() == 0 || t.numel() == count) return;
  }
  throw Error("ERR_STATE", name +
                               " cannot give a tensor that vmap() maps over other memory or elements; use an operator "
                               "that makes a new tensor");
}

// The dtype of the elements that a number is put into, if the operator says so.
std::optional<c10::ScalarType> filled_dtype(const Op& op, const torch::jit::Stack& stack) {
  for (size_t i = 0; i < op.params.size(); ++i) {
    if (op.params[i].kind == Arg::Dtype && stack[i].isInt()) return static_cast<c10::ScalarType>(stack[i].toInt());
  }
  for (size_t i = 0; i < op.params.size(); ++i) {
    if (op.params[i].kind == Arg::Tensor && stack[i].isTensor()) return stack[i].toTensor().scalar_type();
  }
  return std::nullopt;
}

// libtorch compares a double with the largest integer as a double, which is rounded up to a power of two, so that this
// power would wrap.
void check_filling(const Op& op, const torch::jit::Stack& stack) {
  for (size_t i = 0; i < op.params.size(); ++i) {
    if (op.params[i].kind != Arg::Scalar || !stack[i].isDouble()) continue;
    const double value = stack[i].toDouble();
    if (value != 0x1p63 && value != 0x1p64) continue;
    const auto dtype = filled_dtype(op, stack);
    const bool is_signed = value == 0x1p63;
    if (dtype != (is_signed ? c10::ScalarType::Long : c10::ScalarType::UInt64)) continue;
    throw Error("ERR_ARGUMENT",
                std::string("the number must fit torch.") + (is_signed ? "int64, got 2^63" : "uint64, got 2^64"));
  }
}

// By a tensor of one element: the kernels for a number know only one of the compressed layouts.
void scale_sparse(const Op& op, torch::jit::Stack& stack) {
  at::Tensor self = stack[0].toTensor();
  const at::Tensor factor = at::native::wrapped_scalar_tensor(stack[1].toScalar());
  stack.clear();
  stack.emplace_back(op.changed.empty() ? self.mul(factor) : self.mul_(factor));
}

}  // namespace

bool is_making_sparse(std::string_view name) {
  constexpr std::string_view kLayouts[] = {"coo", "compressed", "csr", "csc", "bsr", "bsc"};
  return std::any_of(std::begin(kLayouts), std::end(kLayouts), [&](std::string_view layout) {
    for (const std::string_view prefix : {"aten::sparse_", "aten::_sparse_"}) {
      if (name.starts_with(std::string(prefix) + std::string(layout) + "_tensor")) return true;
    }
    return false;
  });
}

bool is_giving_indices(std::string_view name) {
  constexpr std::string_view kReaders[] = {"aten::indices",     "aten::_indices",     "aten::crow_indices",
                                           "aten::col_indices", "aten::ccol_indices", "aten::row_indices"};
  return std::find(std::begin(kReaders), std::end(kReaders), name) != std::end(kReaders);
}

bool is_filling(std::string_view name) {
  if (name.ends_with('_')) name.remove_suffix(1);
  return std::find(std::begin(kFills), std::end(kFills), name) != std::end(kFills);
}

void call_whole(const Op& op, torch::jit::Stack& stack) {
  if (op.fills) check_filling(op, stack);
  const bool recorded = is_recorded(op, stack);
  if (recorded) check_recorded(op, stack);
  if (!op.outs.empty()) separate_outs(stack, op);
  for (size_t i : op.indices) {
    if (stack[i].isTensor() && stack[i].toTensor().defined()) stack[i] = stack[i].toTensor().clone();
  }
  const auto run = [&] {
    if (op.multiplies && scales_sparse(stack[0].toTensor())) {
      scale_sparse(op, stack);
    } else {
      op.handle.callBoxed(stack);
    }
  };
  if (op.changed.empty()) {
    run();
    if (op.gives_indices) stack.back() = stack.back().toTensor().clone();
    return;
  }
  check_inference(op, stack);
  check_shared(op, stack);
  check_batched(op, stack);
  if (op.writes_by_index) check_indices(op, stack);
  if (!may_be_half_done(op, stack)) return run();
  Undo undo(op, stack);
  try {
    Apart apart(op, stack, recorded);
    run();
    if (recorded && apart.is_recorded()) refuse_recorded(op);
    apart.deliver();
    undo.check_extents();
  } catch (...) {
    undo.restore();
    throw;
  }
}

}  // namespace tc
