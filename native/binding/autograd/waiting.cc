#include "binding/autograd/waiting.h"

#include <torch/csrc/autograd/functions/tensor.h>

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "binding/autograd/node.h"
#include "binding/error.h"

namespace tc {
namespace {

using torch::autograd::CopySlices;
using torch::autograd::Edge;
using torch::autograd::edge_list;
using torch::autograd::Node;

// Outer ones first; null where no operation runs.
thread_local std::vector<Node*> waiting;

// A write into a view runs the operation that was written by inside of its own lock.
bool waits(Node* node) {
  const auto* copy = dynamic_cast<CopySlices*>(node);
  return std::any_of(waiting.begin(), waiting.end(),
                     [&](Node* one) { return one == node || (copy != nullptr && copy->fn.get() == one); });
}

// Visits what lies behind edges, each node once, until `found` says so.
template <class F>
bool search(const edge_list& from, const F& found) {
  std::unordered_set<Node*> seen;
  std::vector<Node*> left;
  const auto add = [&](const edge_list& edges) {
    for (const Edge& edge : edges) {
      Node* node = edge.function.get();
      if (node != nullptr && seen.insert(node).second) left.push_back(node);
    }
  };
  add(from);
  while (!left.empty()) {
    Node* node = left.back();
    left.pop_back();
    if (found(node)) return true;
    add(node->next_edges());
  }
  return false;
}

}  // namespace

Waiting::Waiting() { waiting.push_back(torch::autograd::get_current_node().get()); }
Waiting::~Waiting() { waiting.pop_back(); }

void refuse_waiting(const edge_list& roots, const edge_list& outputs) {
  if (std::all_of(waiting.begin(), waiting.end(), [](Node* node) { return node == nullptr; })) return;
  const auto leads_to_output = [&](Node* node) {
    return outputs.empty() || search(node->next_edges(), [&](Node* behind) {
             return std::any_of(outputs.begin(), outputs.end(),
                                [&](const Edge& edge) { return edge.function.get() == behind; });
           });
  };
  if (search(roots, [&](Node* node) { return waits(node) && leads_to_output(node); })) {
    throw Error("ERR_AUTOGRAD",
                "a backward pass cannot go through an operation that waits for the function that started it: an unpack "
                "function, the second run of a checkpoint, or a hook after accumulation");
  }
}

}  // namespace tc
