// How libtorch holds the nodes of a graph: by an intrusive pointer from 2.13 on, before by a shared one.
#pragma once

#include <torch/csrc/autograd/function.h>

#include <memory>
#include <type_traits>
#include <utility>

namespace tc {

using NodePtr = decltype(std::declval<torch::autograd::Node>().getptr());
using WeakNodePtr =
    std::conditional_t<std::is_same_v<NodePtr, std::shared_ptr<torch::autograd::Node>>,
                       std::weak_ptr<torch::autograd::Node>, c10::weak_intrusive_ptr<torch::autograd::Node>>;

template <class T, class... A>
auto make_node(A&&... arguments) {
  if constexpr (std::is_same_v<NodePtr, std::shared_ptr<torch::autograd::Node>>) {
    return std::make_shared<T>(std::forward<A>(arguments)...);
  } else {
    return c10::make_intrusive<T>(std::forward<A>(arguments)...);
  }
}

}  // namespace tc
