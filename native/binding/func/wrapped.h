// The tensors that functions see inside of a transform of torch.func: wrappers around others, without memory of their
// own. A batched one hides the dimension that vmap maps over, a tracking one records for grad or jvp.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/DispatchKeySet.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cstdint>

namespace tc {

inline constexpr c10::DispatchKeySet kWrapperKeys({c10::DispatchKey::FuncTorchBatched,
                                                   c10::DispatchKey::BatchedNestedTensor,
                                                   c10::DispatchKey::FuncTorchGradWrapper});

inline bool is_wrapped(const at::Tensor& t) noexcept { return t.defined() && t.key_set().has_any(kWrapperKeys); }

// The tensor inside of all wrappers, which has the memory; of a plain one itself.
const at::Tensor& innermost(const at::Tensor& t);
// Whether one of the wrappers is a batched one.
bool is_batched(const at::Tensor& t);
// The levels of the vmaps that it has samples of, as bits.
uint64_t batched_levels(const at::Tensor& t);
// The level of the outermost wrapper, counted from 1; 0 of a plain tensor, and of one whose transform has ended.
int64_t level_of(const at::Tensor& t);
// A tracking tensor whose transform has ended is its value.
at::Tensor without_ended(at::Tensor t);

// Throws where the values of `t` cannot be read, as there is one for each sample; `what` is what needs them.
void refuse_batched(const at::Tensor& t, const char* what);

// Operators on plain tensors are what they are outside of all transforms.
class OutsideTransforms {
  c10::impl::ExcludeDispatchKeyGuard guard_{
      c10::DispatchKeySet({c10::DispatchKey::FuncTorchDynamicLayerFrontMode,
                           c10::DispatchKey::FuncTorchDynamicLayerBackMode, c10::DispatchKey::FuncTorchVmapMode,
                           c10::DispatchKey::FuncTorchBatched, c10::DispatchKey::FuncTorchGradWrapper})};
};

}  // namespace tc
