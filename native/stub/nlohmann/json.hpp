// ATen/functorch/Interpreter.h of libtorch 2.13 includes this header, which PyTorch's packages lack. Its serialization is
// never called here, so declarations are enough; a real one on the include path comes first (CMakeLists.txt).
#pragma once

#include <string>

namespace nlohmann {

class json {
 public:
  json();
  template <typename T>
  json(const T&);
  std::string dump() const;
  static json parse(const std::string&);
  template <typename T>
  T get() const;
  template <typename T>
  json& operator=(const T&);
  json& operator[](const char*);
};

}  // namespace nlohmann
