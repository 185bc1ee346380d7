// Eight values at a time, as two registers of four: what kernels/common asks of an ISA, and
// helpers of the Arm kernels. All in anonymous namespaces, for the folders dotprod and i8mm
// compile it with other flags.
#pragma once

#include <arm_neon.h>

#include "kernels/common/basics.h"

namespace octavo::kernels::neon {
namespace {

using namespace common;

// Of x - z over the channels of a pixel.
struct Moments {
  int64_t sum, squares;
};

struct Int {
  int32x4_t low, high;
};
struct Float {
  float32x4_t low, high;
};

OCTAVO_INLINE Int operator+(Int a, Int b) {
  return {vaddq_s32(a.low, b.low), vaddq_s32(a.high, b.high)};
}
OCTAVO_INLINE Int operator-(Int a, Int b) {
  return {vsubq_s32(a.low, b.low), vsubq_s32(a.high, b.high)};
}
OCTAVO_INLINE Int operator*(Int a, Int b) {
  return {vmulq_s32(a.low, b.low), vmulq_s32(a.high, b.high)};
}
OCTAVO_INLINE Float operator+(Float a, Float b) {
  return {vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)};
}
OCTAVO_INLINE Float operator*(Float a, Float b) {
  return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)};
}
OCTAVO_INLINE Float operator/(Float a, Float b) {
  return {vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high)};
}

OCTAVO_INLINE int16x8_t words_of(const void* p) {
  return vld1q_s16(static_cast<const int16_t*>(p));
}
OCTAVO_INLINE uint8x8_t bytes_of(const void* p) {
  return vld1_u8(static_cast<const uint8_t*>(p));
}
OCTAVO_INLINE int8x16_t weights_of(const void* p) {
  return vld1q_s8(static_cast<const int8_t*>(p));
}

// The stored values of 8 channels of a tensor as words. Lanes beyond a tensor's last
// channel come from its slack or its next pixel.
OCTAVO_INLINE int16x8_t load_words(const std::byte* pixel, ElementType type, int32_t c) {
  if (type == ElementType::i16) return words_of(pixel + ptrdiff_t{2} * c);
  if (type == ElementType::u8) return vreinterpretq_s16_u16(vmovl_u8(bytes_of(pixel + c)));
  return vmovl_s8(vreinterpret_s8_u8(bytes_of(pixel + c)));
}

OCTAVO_INLINE Int widen(int16x8_t words) {
  return {vmovl_s16(vget_low_s16(words)), vmovl_high_s16(words)};
}

// Rounded to nearest, ties to even; beyond int32 its ends. Never a NaN.
OCTAVO_INLINE Int rounded(Float x) {
  return {vcvtnq_s32_f32(x.low), vcvtnq_s32_f32(x.high)};
}
// Beyond int16 its ends.
OCTAVO_INLINE int16x8_t narrow(Int x) {
  return vqmovn_high_s32(vqmovn_s32(x.low), x.high);
}

// The first `count` of 8 values of 1, 2 or 4 bytes, `from` holding all 8.
OCTAVO_INLINE void store_part(std::byte* to, uint8x8_t bytes, int32_t count) {
  uint64_t rest = vget_lane_u64(vreinterpret_u64_u8(bytes), 0);
  if ((count & 4) != 0) {
    __builtin_memcpy(to, &rest, 4);
    to += 4;
    rest >>= 32;
  }
  if ((count & 2) != 0) {
    __builtin_memcpy(to, &rest, 2);
    to += 2;
    rest >>= 16;
  }
  if ((count & 1) != 0) __builtin_memcpy(to, &rest, 1);
}
OCTAVO_INLINE void store_bytes(std::byte* to, uint8x8_t bytes, int32_t count) {
  if (count >= 8) return vst1_u8(reinterpret_cast<uint8_t*>(to), bytes);
  store_part(to, bytes, count);
}
OCTAVO_INLINE void store_words(std::byte* to, int16x8_t words, int32_t count) {
  if (count >= 8) return vst1q_s16(reinterpret_cast<int16_t*>(to), words);
  uint8x16_t bytes = vreinterpretq_u8_s16(words);
  if ((count & 4) != 0) {
    vst1_u8(reinterpret_cast<uint8_t*>(to), vget_low_u8(bytes));
    to += 8;
    bytes = vextq_u8(bytes, bytes, 8);
  }
  store_part(to, vget_low_u8(bytes), 2 * (count & 3));
}
OCTAVO_INLINE void store_floats(std::byte* to, Float x, int32_t count) {
  float* floats = reinterpret_cast<float*>(to);
  if (count >= 8) {
    vst1q_f32(floats, x.low);
    return vst1q_f32(floats + 4, x.high);
  }
  float all[8];
  vst1q_f32(all, x.low);
  vst1q_f32(all + 4, x.high);
  for (int32_t i = 0; i < count; ++i) floats[i] = all[i];
}

// kernels/common's view of all this.
struct Vector {
  using Int = neon::Int;
  using Float = neon::Float;
  static constexpr int32_t lanes = 8;

  static OCTAVO_INLINE Float load(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
  static OCTAVO_INLINE Int load(const int32_t* p) { return {vld1q_s32(p), vld1q_s32(p + 4)}; }
  static OCTAVO_INLINE void store(int32_t* p, Int x) {
    vst1q_s32(p, x.low);
    vst1q_s32(p + 4, x.high);
  }
  static OCTAVO_INLINE Float all(float x) { return {vdupq_n_f32(x), vdupq_n_f32(x)}; }
  static OCTAVO_INLINE Int all(int32_t x) { return {vdupq_n_s32(x), vdupq_n_s32(x)}; }
  static OCTAVO_INLINE Float to_float(Int x) {
    return {vcvtq_f32_s32(x.low), vcvtq_f32_s32(x.high)};
  }
  // Half a unit where there is none.
  static OCTAVO_INLINE Float divisor(Int x) {
    const float32x4_t half = vdupq_n_f32(0.5f);
    const Float whole = to_float(x);
    return {vbslq_f32(vceqzq_s32(x.low), half, whole.low),
            vbslq_f32(vceqzq_s32(x.high), half, whole.high)};
  }
  static OCTAVO_INLINE Int load_stored(const std::byte* pixel, ElementType type, int32_t c) {
    return widen(load_words(pixel, type, c));
  }
  static OCTAVO_INLINE float square_root(float x) {
    return vget_lane_f32(vsqrt_f32(vdup_n_f32(x)), 0);
  }

  // The largest stored values of `lanes` channels, and sums of those of 8.
  template <ElementType T>
  struct Largest;
  template <ElementType T>
  struct Total;

  // Those of all channels of a pixel; and the sums of x - zero, whose square is below 2^31.
  template <ElementType T>
  static OCTAVO_INLINE int32_t largest(const std::byte* x, int32_t channels) {
    int32_t most = INT16_MIN;
    int32_t c = 0;
    for (int16x8_t all = vdupq_n_s16(INT16_MIN); c + 8 <= channels;) {
      all = vmaxq_s16(all, load_words(x, T, c));
      c += 8;
      if (c + 8 > channels) most = vmaxvq_s16(all);
    }
    for (; c < channels; ++c) most = larger(most, value_of<T>(x, c));
    return most;
  }
  template <ElementType T>
  static OCTAVO_INLINE Moments moments(const std::byte* x, int32_t channels, int32_t zero) {
    const int16x8_t z = vdupq_n_s16(static_cast<int16_t>(zero));
    int32x4_t sum = vdupq_n_s32(0);
    int64x2_t squares = vdupq_n_s64(0);
    int32_t c = 0;
    for (; c + 8 <= channels; c += 8) {
      const int16x8_t d = vsubq_s16(load_words(x, T, c), z);  // the zero point of i16 is 0
      sum = vpadalq_s16(sum, d);
      squares = vpadalq_s32(squares, vmull_s16(vget_low_s16(d), vget_low_s16(d)));
      squares = vpadalq_s32(squares, vmull_high_s16(d, d));
    }
    Moments m{vaddvq_s32(sum), vaddvq_s64(squares)};
    for (; c < channels; ++c) {
      const int64_t d = value_of<T>(x, c) - zero;
      m.sum += d;
      m.squares += d * d;
    }
    return m;
  }

  template <ElementType T>
  static OCTAVO_INLINE int32_t value_of(const std::byte* x, int32_t c) {
    if constexpr (T == ElementType::u8) {
      return static_cast<uint8_t>(x[c]);
    } else {
      int16_t word;
      __builtin_memcpy(&word, x + ptrdiff_t{2} * c, 2);
      return word;
    }
  }
};

template <>
struct Vector::Largest<ElementType::u8> {
  static constexpr int32_t lanes = 16;
  uint8x16_t most = vdupq_n_u8(0);

  OCTAVO_INLINE void add(const std::byte* x) {
    most = vmaxq_u8(most, vld1q_u8(reinterpret_cast<const uint8_t*>(x)));
  }
  OCTAVO_INLINE void save(std::byte* to, int32_t count) const {
    store_bytes(to, vget_low_u8(most), count);
    if (count > 8) store_bytes(to + 8, vget_high_u8(most), count - 8);
  }
};

template <>
struct Vector::Largest<ElementType::i16> {
  static constexpr int32_t lanes = 8;
  int16x8_t most = vdupq_n_s16(INT16_MIN);

  OCTAVO_INLINE void add(const std::byte* x) { most = vmaxq_s16(most, words_of(x)); }
  OCTAVO_INLINE void save(std::byte* to, int32_t count) const { store_words(to, most, count); }
};

// Bytes as words, widened before they can overflow: 257 * 255 fits in 16 bits.
template <>
struct Vector::Total<ElementType::u8> {
  uint16x8_t words = vdupq_n_u16(0);
  uint32x4_t low = vdupq_n_u32(0), high = vdupq_n_u32(0);
  int32_t room = 257;

  OCTAVO_INLINE void widen_words() {
    low = vaddw_u16(low, vget_low_u16(words));
    high = vaddw_high_u16(high, words);
    words = vdupq_n_u16(0);
    room = 257;
  }
  OCTAVO_INLINE void add(const std::byte* x) {
    words = vaddw_u8(words, bytes_of(x));
    if (--room == 0) widen_words();
  }
  OCTAVO_INLINE Int sum() {
    widen_words();
    return {vreinterpretq_s32_u32(low), vreinterpretq_s32_u32(high)};
  }
};

template <>
struct Vector::Total<ElementType::i16> {
  int32x4_t low = vdupq_n_s32(0), high = vdupq_n_s32(0);

  OCTAVO_INLINE void add(const std::byte* x) {
    const int16x8_t words = words_of(x);
    low = vaddw_s16(low, vget_low_s16(words));
    high = vaddw_high_s16(high, words);
  }
  OCTAVO_INLINE Int sum() const { return {low, high}; }
};

}  // namespace
}  // namespace octavo::kernels::neon
