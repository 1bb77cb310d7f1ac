// The capabilities of a clipper that is known at run time only; base.h says what they mean.
#pragma once

#include "optim/clip/table.h"

namespace tc::optim {

inline size_t numbers_of(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.kNumbers.size(); }, clipper);
}
inline bool keeps_history(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.kHistory; }, clipper);
}
inline int64_t window_of(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.window(); }, clipper);
}
inline double quantile_of(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.quantile(); }, clipper);
}
inline bool looks_at_weights(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.kWeights; }, clipper);
}
inline bool looks_at_total(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.kTotal; }, clipper);
}
inline bool acts_on_elements(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.kElements; }, clipper);
}
inline bool asks_host(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.kAsksHost; }, clipper);
}
inline double order_of(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.order(); }, clipper);
}
inline double limit_of(const Clipper& clipper) {
  return std::visit([](const auto& c) { return c.limit(); }, clipper);
}

}  // namespace tc::optim
