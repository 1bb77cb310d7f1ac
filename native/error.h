// The exception of code that knows nothing of Node-API.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace tc {

// An error of ours: `code` is one of the ErrorCode strings of lib/errors.ts.
class Error : public std::exception {
 public:
  Error(const char* code, std::string message) : code_(code), message_(std::move(message)) {}
  const char* code() const noexcept { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  const char* code_;
  std::string message_;
};

}  // namespace tc
