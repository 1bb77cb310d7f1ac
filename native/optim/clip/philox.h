// Philox4x32-10 (Salmon, Moraes, Dror & Shaw 2011): random numbers from a key and a counter, equal on every device.
#pragma once

#include "optim/element.h"

namespace tc::optim {

// A number in [0, 1) with 53 random bits.
TC_HD double philox(uint64_t seed, uint64_t counter, uint32_t lane) {
  uint32_t c[4] = {uint32_t(counter), uint32_t(counter >> 32), lane, 0};
  uint32_t k[2] = {uint32_t(seed), uint32_t(seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t(c[0]) * 0xD2511F53u;
    const uint64_t b = uint64_t(c[2]) * 0xCD9E8D57u;
    c[0] = uint32_t(b >> 32) ^ c[1] ^ k[0];
    c[1] = uint32_t(b);
    c[2] = uint32_t(a >> 32) ^ c[3] ^ k[1];
    c[3] = uint32_t(a);
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return double((uint64_t(c[0]) << 32 | c[1]) >> 11) * 0x1p-53;
}

}  // namespace tc::optim
