// Bytes between files and a tensor's memory, without a copy in JavaScript's. TypeScript opens, places and names the
// files.
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "binding/handle.h"
#include "binding/modules.h"
#include "binding/value.h"

namespace tc {
namespace {

// The kernel moves at most 2 GB in one call.
constexpr int64_t kPiece = int64_t{1} << 30;
constexpr int64_t kEnded = -1;  // in place of an errno: the file ended too early

struct Bytes {
  at::Tensor tensor;  // keeps the memory alive
  uint8_t* data;
  int64_t count;
};

// The arguments (tensor, start, count): bytes of a contiguous tensor in the host's memory.
Bytes bytes_of(napi_env env, napi_value handle, napi_value start, napi_value count) {
  at::Tensor t = unwrap(env, handle);
  if (t.layout() != at::kStrided || !t.device().is_cpu() || !t.is_contiguous() || t.is_conj() || t.is_neg()) {
    throw Error("ERR_INTERNAL", "a contiguous tensor in the host's memory was expected");
  }
  const int64_t from = to_int64(env, start, "start");
  const int64_t n = to_int64(env, count, "count");
  const auto all = static_cast<int64_t>(t.nbytes());
  if (from < 0 || n < 0 || from > all || n > all - from) {
    throw Error("ERR_INTERNAL", "the bytes lie outside of the tensor");
  }
  auto* data = static_cast<uint8_t*>(t.mutable_data_ptr()) + from;
  return {std::move(t), data, n};
}

// Repeats `move(data, bytes, done)` until all has been moved; returns 0, an errno, or kEnded where nothing more comes.
template <class Move>
int64_t move_all(const Bytes& bytes, Move move) {
  for (int64_t done = 0; done < bytes.count;) {
    const ssize_t n = move(bytes.data + done, std::min(bytes.count - done, kPiece), done);
    if (n > 0) {
      done += n;
    } else if (n == 0) {
      return kEnded;
    } else if (errno == EAGAIN) {
      usleep(1000);  // a pipe that Node.js made non-blocking
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// fileRead(tensor, start, count, fd, position): fills bytes of the tensor from the file.
napi_value file_read(napi_env env, Args& args) {
  const Bytes bytes = bytes_of(env, args[0], args[1], args[2]);
  const auto fd = static_cast<int>(to_int64(env, args[3], "fd"));
  const int64_t position = to_int64(env, args[4], "position");
  return js(env, move_all(bytes, [&](uint8_t* data, int64_t n, int64_t done) {
              return pread(fd, data, static_cast<size_t>(n), position + done);
            }));
}

// fileWrite(tensor, start, count, fd): appends bytes of the tensor to the file, which may be a pipe.
napi_value file_write(napi_env env, Args& args) {
  const Bytes bytes = bytes_of(env, args[0], args[1], args[2]);
  const auto fd = static_cast<int>(to_int64(env, args[3], "fd"));
  return js(env, move_all(bytes, [&](const uint8_t* data, int64_t n, int64_t) {
              return write(fd, data, static_cast<size_t>(n));
            }));
}

// fileMap(fd, size): the file as a tensor of bytes, read when it is looked at; what is written to it stays in memory.
// Returns an errno instead where the file cannot be mapped.
napi_value file_map(napi_env env, Args& args) {
  const auto fd = static_cast<int>(to_int64(env, args[0], "fd"));
  const int64_t size = to_int64(env, args[1], "size");
  void* memory = mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (memory == MAP_FAILED) return js(env, static_cast<int64_t>(-errno));
  const auto unmap = [size](void* at) { munmap(at, static_cast<size_t>(size)); };
  return wrap(env, at::from_blob(memory, {size}, unmap, at::TensorOptions(at::kByte)));
}

// The CRC-32 of zip archives, eight bytes at a time.
class Crc {
 public:
  static uint32_t of(const uint8_t* data, int64_t count, uint32_t crc) {
    static const Crc tables;
    const auto& t = tables.table_;
    crc = ~crc;
    for (; count >= 8; count -= 8, data += 8) {
      crc ^= data[0] | data[1] << 8 | data[2] << 16 | static_cast<uint32_t>(data[3]) << 24;
      crc = t[7][crc & 255] ^ t[6][crc >> 8 & 255] ^ t[5][crc >> 16 & 255] ^ t[4][crc >> 24] ^ t[3][data[4]] ^
            t[2][data[5]] ^ t[1][data[6]] ^ t[0][data[7]];
    }
    for (; count > 0; --count, ++data) crc = t[0][(crc ^ *data) & 255] ^ crc >> 8;
    return ~crc;
  }

 private:
  Crc() {
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1 ? 0xEDB88320U : 0U) ^ c >> 1;
      table_[0][i] = c;
    }
    for (size_t k = 1; k < 8; ++k) {
      for (size_t i = 0; i < 256; ++i) table_[k][i] = table_[0][table_[k - 1][i] & 255] ^ table_[k - 1][i] >> 8;
    }
  }

  std::array<std::array<uint32_t, 256>, 8> table_{};
};

// fileCrc(tensor, start, count, crc): goes on from the CRC-32 of what came before.
napi_value file_crc(napi_env env, Args& args) {
  const Bytes bytes = bytes_of(env, args[0], args[1], args[2]);
  const auto crc = static_cast<uint32_t>(to_int64(env, args[3], "crc"));
  return js(env, static_cast<int64_t>(Crc::of(bytes.data, bytes.count, crc)));
}

}  // namespace

void register_file(napi_env env, napi_value exports) {
  define(env, exports, "fileRead", guarded<file_read>);
  define(env, exports, "fileWrite", guarded<file_write>);
  define(env, exports, "fileMap", guarded<file_map>);
  define(env, exports, "fileCrc", guarded<file_crc>);
}

}  // namespace tc
