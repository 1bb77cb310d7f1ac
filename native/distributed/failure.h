// Failures of other processes, in the words of this package.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "error.h"

namespace tc::distributed {

// The sentence without libtorch's C++ frames, source paths and marks.
std::string plain(std::string_view message);

// An exception of c10d or Gloo as one of ours: ERR_TIMEOUT, or ERR_DISTRIBUTED where another process, the network or
// the store failed. `what` is who called, such as "allReduce() of rank 1". What is neither stays as it is.
std::exception_ptr failure_of(std::exception_ptr error, const std::string& what, std::chrono::milliseconds timeout);

// The same for what `body` throws.
template <class Body>
auto reporting(const std::string& what, std::chrono::milliseconds timeout, const Body& body) {
  try {
    return body();
  } catch (...) {
    std::rethrow_exception(failure_of(std::current_exception(), what, timeout));
  }
}

// For exceptions that come out of a backward pass, where nobody knows whose they are (binding/error.h).
std::optional<Error> foreign(const std::exception& error);

std::string late_sentence(const std::string& what, std::chrono::milliseconds timeout);

}  // namespace tc::distributed
