// What every driver knows of one element: its storage and arithmetic types, and what clipping does to it.
// This header and those that include it include nothing of libtorch: they are compiled for several instruction sets,
// and the linker would take an inline function that other code shares from any one of them.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#if defined(__CUDACC__)
#define TC_HD __host__ __device__ __forceinline__
#else
#define TC_HD inline __attribute__((always_inline))
#endif

namespace tc::optim {

// The storage types that drivers visit. A complex tensor is visited as twice as many reals.
enum class Dtype : uint8_t { kFloat, kDouble, kHalf, kBFloat16 };
inline constexpr int kDtypes = 4;

struct Half {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};

// Picks the instantiation for a dtype that is known at run time: f.template operator()<T>().
template <class F>
constexpr auto for_dtype(Dtype dtype, const F& f) {
  switch (dtype) {
    case Dtype::kDouble:
      return f.template operator()<double>();
    case Dtype::kHalf:
      return f.template operator()<Half>();
    case Dtype::kBFloat16:
      return f.template operator()<BFloat16>();
    default:
      return f.template operator()<float>();
  }
}

// One value for each dtype.
template <class V>
struct ByDtype {
  V of[kDtypes];

  TC_HD constexpr const V& operator[](Dtype dtype) const { return of[int(dtype)]; }
};

template <class F>
constexpr auto by_dtype(const F& f) {
  return ByDtype<decltype(f.template operator()<float>())> {
    {for_dtype(Dtype(0), f), for_dtype(Dtype(1), f), for_dtype(Dtype(2), f), for_dtype(Dtype(3), f)}
  };
}

// Parameters narrower than fp32 compute and keep their state in fp32.
template <class T>
using Compute = std::conditional_t<std::is_same_v<T, double>, double, float>;

// nvcc's front end stops at __builtin_bit_cast.
#if defined(__CUDACC__)
TC_HD uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
TC_HD float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
#else
TC_HD uint32_t bits_of(float x) { return __builtin_bit_cast(uint32_t, x); }
TC_HD float float_of(uint32_t bits) { return __builtin_bit_cast(float, bits); }
#endif

TC_HD float widen(float x) { return x; }
TC_HD double widen(double x) { return x; }
TC_HD float widen(BFloat16 x) { return float_of(uint32_t(x.bits) << 16); }
TC_HD float widen(Half x) {
#if defined(__CUDA_ARCH__)
  // One instruction; the same bits but for NaN's.
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(x.bits));
  return wide;
#else
  const uint32_t magnitude = uint32_t(x.bits & 0x7fff) << 13;
  // 2^112 moves the exponent's bias from 15 to 127, of subnormals too.
  const uint32_t moved = bits_of(float_of(magnitude) * 0x1p112f);
  const uint32_t bits = magnitude >= 0x0f800000 ? magnitude | 0x7f800000 : moved;
  return float_of(bits | uint32_t(x.bits & 0x8000) << 16);
#endif
}

// Rounded to nearest, ties to even.
template <class T>
TC_HD T narrow(Compute<T> x) {
#if defined(__CUDA_ARCH__)
  // One instruction, whose NaN would be another one.
  if constexpr (std::is_same_v<T, BFloat16>) {
    uint16_t bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return {x != x ? uint16_t(0x7fc0) : bits};
  } else if constexpr (std::is_same_v<T, Half>) {
    uint16_t bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return {x != x ? uint16_t(0x7e00 | (bits_of(x) >> 16 & 0x8000)) : bits};
  } else {
    return x;
  }
#else
  if constexpr (std::is_same_v<T, BFloat16>) {
    const uint32_t bits = bits_of(x);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return {uint16_t(x != x ? 0x7fc0 : rounded)};
  } else if constexpr (std::is_same_v<T, Half>) {
    const uint32_t bits = bits_of(x);
    const uint32_t magnitude = bits & 0x7fffffff;
    const uint32_t normal = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
    // Adding a half aligns a subnormal's last bit with that of fp32, and the addition rounds.
    const uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000;
    uint32_t half = magnitude < 0x38800000 ? subnormal : normal;
    half = magnitude >= 0x477ff000 ? 0x7c00 : half;
    half = magnitude > 0x7f800000 ? 0x7e00 : half;
    return {uint16_t(half | (bits >> 16 & 0x8000))};
  } else {
    return x;
  }
#endif
}

template <class T>
TC_HD bool finite(T x) {
  constexpr T kLargest = std::numeric_limits<T>::max();
  return std::fabs(x) <= kLargest;
}

// An epsilon as a rule adds it to a divisor: at least the least normal number of T. A smaller one would be 0 in T, and
// an element that never had a gradient 0 / 0. No root of a mean of squares above 0 is so small that this changes a bit.
template <class T>
TC_HD double above_zero(double eps) {
  constexpr double kLeast = std::numeric_limits<T>::min();
  return eps < kLeast ? kLeast : eps;
}

// A running mean, moved by a fraction of its distance to x. One that has overflowed stays infinite.
template <class T>
TC_HD T toward(T mean, T weight, T x) {
  return finite(mean) ? mean + weight * (x - mean) : mean;
}

// Which of the doubles that Hyper consists of this is.
template <class Hyper, size_t... I>
constexpr int index_of(double Hyper::* field, std::index_sequence<I...>) {
  const Hyper numbered{double(I)...};
  return int(numbered.*field);
}
template <class Hyper>
constexpr int index_of(double Hyper::* field) {
  return index_of(field, std::make_index_sequence<sizeof(Hyper) / sizeof(double)>());
}

// A hyperparameter: the option that it comes from (with `.i` for an element of an array) and where the rule reads it.
struct Field {
  const char* option;
  int index;

  template <class Hyper>
  constexpr Field(const char* option, double Hyper::* field) : option(option), index(index_of(field)) {}
};

// The same of x * x, which need not be finite itself: as in PyTorch, `weight` times it must be. Scaling by a power of
// two changes no bit and takes no register more than `toward` does.
template <class T>
TC_HD T toward_square(T mean, T weight, T x) {
  constexpr T kDown = T(0x1p-14), kUp = T(0x1p14);
  const T step = weight * (x * (x * kDown) - mean * kDown);
  return finite(mean) ? mean + step * kUp : mean;
}

// The same of an x that may be as far from the mean as the largest numbers are apart: of halves, which changes no bit.
template <class T>
TC_HD T toward_far(T mean, T weight, T x) {
  const T half = mean * T(0.5);
  return (half + weight * (x * T(0.5) - half)) * T(2);
}

// What a state tensor holds before the first step: zeros, the parameter, or one of the rule's hyperparameters.
enum class Start : uint8_t { kZero, kParameter, kHyper };

// The state tensors a rule keeps for each parameter, by PyTorch's names.
struct Slot {
  const char* name = nullptr;
  Start start = Start::kZero;
  int hyper = 0;   // for Start::kHyper, the index of the hyperparameter
  int index = -1;  // among the tensors of the parameter, where another rule of the optimizer may have those before it;
                   // -1: as in kSlots

  constexpr Slot() = default;
  constexpr Slot(const char* name, Start start = Start::kZero, int index = -1)
      : name(name), start(start), index(index) {}
  template <class Hyper>
  constexpr Slot(const char* name, double Hyper::* start) : name(name), start(Start::kHyper), hyper(index_of(start)) {}
};
inline constexpr int kMaxSlots = 4;
struct Slots {
  int count;
  Slot slot[kMaxSlots];

  constexpr int index(int k) const { return slot[k].index < 0 ? k : slot[k].index; }
};

// The numbers that a rule keeps for each parameter besides the step count. Those without a name come last and hold for
// one step only.
inline constexpr int kMaxScalars = 4;
struct Scalars {
  int count;
  const char* name[kMaxScalars];
};

// The scope of the sums that a rule needs before it changes anything.
enum class Over : uint8_t { kTensor, kEverything };
// The most sums that a rule can ask for.
inline constexpr int kMaxMoments = 4;

// The order of a clipper that needs no norm.
inline constexpr double kNoStatistic = 0;

// What a clipper decided for one gradient element. A scale of 1 and an infinite limit change no bit; NaN stays NaN.
template <class T>
struct Clip {
  static constexpr T kLeast = std::numeric_limits<T>::min();

  T prescale;  // 1, or kLeast where `scale` has been divided by it, as the product would have few bits
  T scale;
  T limit;
  bool zero_nonfinite;

  // `has_tiny`: whether gradients can be so large that the scale is that small.
  TC_HD Clip(double scale, T limit, bool zero_nonfinite, bool has_tiny)
      : prescale(has_tiny && std::fabs(scale) < kLeast ? kLeast : T(1)),
        scale(scale / prescale),
        limit(limit),
        zero_nonfinite(zero_nonfinite) {}

  TC_HD T operator()(T g) const {
    if (zero_nonfinite) g = finite(g) ? g : T(0);
    // Not a condition: compilers give up vectorizing what has too many.
    g *= prescale;
    g *= scale;
    g = -limit > g ? -limit : g;
    return limit < g ? limit : g;
  }
};

}  // namespace tc::optim
