// The stores by which processes find each other.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include "binding/owning_object.h"

namespace tc::distributed {

struct StoreObject {
  static constexpr napi_type_tag kTag = {0x746f7263682d636c, 0x633130645f737472};
  static constexpr const char* kNoun = "a store";

  c10::intrusive_ptr<c10d::Store> store;
};

c10::intrusive_ptr<c10d::Store> store_of(napi_env env, napi_value value);

}  // namespace tc::distributed
