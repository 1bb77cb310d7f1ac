// What is known of each clipper before one is made, by its index in the table.
#pragma once

#include <string>
#include <vector>

#include "error.h"
#include "optim/clip/table.h"

namespace tc::optim {

struct ClipperInfo {
  const char* name;
  std::vector<const char*> options;
  std::vector<const char*> numbers;  // what it remembers of a unit
  bool scales;                       // whether it multiplies by coefficients, which a coin may spare
  const char* slack;                 // the option that is slack of the norm; "": none
  Clipper (*make)(const double* options);
};

template <class C>
ClipperInfo describe_clipper() {
  return {C::kName,
          {C::kOptions.begin(), C::kOptions.end()},
          {C::kNumbers.begin(), C::kNumbers.end()},
          C::kScales,
          C::kSlack,
          [](const double* options) -> Clipper {
            const C clipper(options);
            if (!clipper.safe())
              throw Error("ERR_ARGUMENT", std::string("an option of the clipper \"") + C::kName + "\" is out of range");
            return clipper;
          }};
}

template <class... C>
std::vector<ClipperInfo> describe_clippers(const std::variant<C...>*) {
  return {describe_clipper<C>()...};
}

inline const std::vector<ClipperInfo>& clipper_infos() {
  static const std::vector<ClipperInfo> infos = describe_clippers(static_cast<const Clipper*>(nullptr));
  return infos;
}

}  // namespace tc::optim
