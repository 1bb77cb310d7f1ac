#include "binding/borrow.h"

#include <ATen/ops/empty.h>

#include <memory>

#include "binding/env.h"
#include "binding/modules.h"
#include "binding/value.h"

namespace tc {
namespace {

using c10::ScalarType;

// Keeps the typed array, and through it the memory. The storage may die on any thread, even inside the garbage
// collector, so the reference goes to the graveyard.
struct Borrowed {
  Borrowed(napi_env env, napi_value array) : graveyard(Env::of(env).graveyard) {
    graveyard->sweep(env);
    check(env, napi_create_reference(env, array, 1, &ref));
  }
  ~Borrowed() {
    if (ref != nullptr) graveyard->bury(ref);
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  std::shared_ptr<Graveyard> graveyard;
  napi_ref ref = nullptr;
};

void give_back(void* context) { std::unique_ptr<Borrowed>(static_cast<Borrowed*>(context)); }

// borrowMemory(bytes, shape, dtype): a CPU tensor whose elements are the bytes of a Uint8Array. TypeScript ensures that
// the bytes stay where they are.
napi_value borrow_memory(napi_env env, Args& args) {
  const TypedArray bytes = to_typed_array(env, args[0], "data");
  const Ints sizes = to_ints(env, args[1], "shape");
  const ScalarType dtype = to_dtype(env, args[2], "dtype");
  if (bytes.type != napi_uint8_array) throw Error("ERR_ARGUMENT", "\"data\" must be a Uint8Array");
  if (c10::isQIntType(dtype)) throw Error("ERR_DTYPE", "\"dtype\" must not be a quantized one");
  uint64_t needed = c10::elementSize(dtype);
  const uint64_t size = needed;
  for (const int64_t s : sizes) {
    if (s < 0 || __builtin_mul_overflow(needed, static_cast<uint64_t>(s), &needed)) {
      throw Error("ERR_SHAPE", "\"shape\" must hold sizes >= 0 whose product fits 64 bits");
    }
  }
  if (needed != bytes.length) {
    throw Error("ERR_SHAPE", "\"shape\" must have as many elements as the data, " +
                                 std::to_string(bytes.length / size) + ", got " + std::to_string(needed / size));
  }
  // An empty array has no memory to be shared.
  if (needed == 0) return wrap(env, at::empty(sizes, at::TensorOptions(dtype)));
  if (reinterpret_cast<uintptr_t>(bytes.data) % size != 0) {
    throw Error("ERR_ARGUMENT", "the memory must begin at a multiple of " + std::to_string(size) +
                                    " bytes, as elements of this dtype do");
  }
  auto owner = std::make_unique<Borrowed>(env, args[0]);
  c10::DataPtr memory(bytes.data, owner.get(), &give_back, c10::Device(c10::kCPU));
  static_cast<void>(owner.release());
  c10::Storage storage(c10::Storage::use_byte_size_t(), needed, std::move(memory), nullptr, /*resizable=*/false);
  return wrap(env, at::empty({0}, at::TensorOptions(dtype)).set_(std::move(storage), 0, sizes));
}

}  // namespace

bool is_borrowed(const at::Tensor& t) { return t.has_storage() && t.storage().data_ptr().get_deleter() == &give_back; }

void register_borrow(napi_env env, napi_value exports) { define(env, exports, "borrowMemory", guarded<borrow_memory>); }

}  // namespace tc
