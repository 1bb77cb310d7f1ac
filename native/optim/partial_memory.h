// Memory of tensors of which this process keeps a part of the elements. Every element has an address, so that views,
// saved tensors and the engine know nothing of it; what is not kept takes no memory. While it is closed, whatever reads
// or writes such a tensor throws, and does not work with what is not there.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "optim/shares.h"

namespace tc::optim {

// Zeros, closed, with the shapes and dtypes of row-major tensors, each of which keeps a range of its reals.
std::vector<at::Tensor> partial_like(const std::vector<at::Tensor>& tensors, const std::vector<Range>& kept);

// Whether a tensor lies in such a memory.
bool is_partial(const at::Tensor& tensor);
bool is_closed(const at::Tensor& tensor);
// Throws for one that does.
void require_whole(const at::Tensor& tensor);

// The following are for tensors that do.

// The reals that it keeps, as a tensor of one dimension over the same memory, which is always open.
at::Tensor kept_part(const at::Tensor& tensor);
char* memory_of(const at::Tensor& tensor);
void open(const at::Tensor& tensor);
// Closes it, and gives back what there is besides the range that it keeps from here on, up to the ends of its pages.
void keep_only(const at::Tensor& tensor, Range reals);
// Bytes of its memory that are there now.
int64_t resident_bytes(const at::Tensor& tensor);

// Opens those of some tensors that are closed, for code that knows of the parts.
class Opened {
 public:
  void add(const at::Tensor& tensor);
  // For the time of somebody else's code.
  void close() const;
  void reopen() const;
  Opened() = default;
  ~Opened() { close(); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

 private:
  std::vector<at::Tensor> tensors_;
};

}  // namespace tc::optim
