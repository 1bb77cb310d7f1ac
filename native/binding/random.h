// The default generator of an environment. libtorch has one for the process: it is the main thread's, and while an
// operator of a worker runs, the worker's own stands in its place.
#pragma once

#include <ATen/core/Generator.h>
#include <node_api.h>

#include <mutex>

#include "binding/env.h"

namespace tc {

class DefaultGenerator {
 public:
  // For the time of an operator that may draw random numbers.
  explicit DefaultGenerator(const Env& env);
  ~DefaultGenerator();
  DefaultGenerator(const DefaultGenerator&) = delete;
  DefaultGenerator& operator=(const DefaultGenerator&) = delete;

 private:
  std::unique_lock<std::recursive_mutex> lock_;  // another worker's generator may stand there
  at::Generator own_;                            // undefined on the main thread
};

}  // namespace tc
