// The epilogue of docs/numerics.md on 8 channels at a time.
//
// Conversions and narrowing saturate on Arm, and the bounds lo and hi are integers: rounding
// first, then clamping as words, is the same as clamping the float, for any t.
#pragma once

#include "kernels/neon/vector.h"

namespace octavo::kernels::neon {
namespace {

// a < b ? a : b and a > b ? a : b of numerics.md: of zeros of either sign the second, which
// fmin and fmax do not say. It shows where t itself is stored.
OCTAVO_INLINE float32x4_t lesser(float32x4_t a, float32x4_t b) {
  return vbslq_f32(vcltq_f32(a, b), a, b);
}
OCTAVO_INLINE float32x4_t greater(float32x4_t a, float32x4_t b) {
  return vbslq_f32(vcgtq_f32(a, b), a, b);
}
OCTAVO_INLINE Float clamp(Float x, float low, float high) {
  const float32x4_t l = vdupq_n_f32(low), h = vdupq_n_f32(high);
  return {lesser(greater(x.low, l), h), lesser(greater(x.high, l), h)};
}

// 65 knots as four tables of bytes: the low and the high half of k[i] and of k[i + 1].
struct Knots {
  uint8x16x4_t low, high, next_low, next_high;
};
OCTAVO_INLINE Knots knots_of(const int16_t* table) {
  Knots k;
  unroll<4>([&](auto i4) __attribute__((always_inline)) {
    constexpr int i = decltype(i4)::value;
    const uint8x16x2_t here = vld2q_u8(reinterpret_cast<const uint8_t*>(table + 16 * i));
    const uint8x16x2_t next = vld2q_u8(reinterpret_cast<const uint8_t*>(table + 16 * i + 1));
    k.low.val[i] = here.val[0];
    k.high.val[i] = here.val[1];
    k.next_low.val[i] = next.val[0];
    k.next_high.val[i] = next.val[1];
  });
  return k;
}

// T(f) from the two knots of a segment; their difference fits a word.
OCTAVO_INLINE Float between_knots(int16x8_t here, int16x8_t next, int16x8_t d) {
  const int16x8_t rise = vsubq_s16(next, here);
  const int32x4_t low =
      vmlal_s16(vshll_n_s16(vget_low_s16(here), 10), vget_low_s16(rise), vget_low_s16(d));
  const int32x4_t high = vmlal_high_s16(vshll_high_n_s16(here, 10), rise, d);
  return {vcvtq_f32_s32(low), vcvtq_f32_s32(high)};
}

struct Pair {
  Float first, second;
};

// T(f): narrowing to words is the clamp to the table's range.
OCTAVO_INLINE Pair table_values(const Knots& k, Float first, Float second) {
  const int16x8_t sign = vdupq_n_s16(INT16_MIN), below = vdupq_n_s16(1023);
  const int16x8_t u0 = veorq_s16(narrow(rounded(first)), sign);
  const int16x8_t u1 = veorq_s16(narrow(rounded(second)), sign);
  const uint8x16_t i = vuzp1q_u8(vreinterpretq_u8_u16(vshrq_n_u16(vreinterpretq_u16_s16(u0), 10)),
                                 vreinterpretq_u8_u16(vshrq_n_u16(vreinterpretq_u16_s16(u1), 10)));
  const uint8x16_t low = vqtbl4q_u8(k.low, i), high = vqtbl4q_u8(k.high, i);
  const uint8x16_t next_low = vqtbl4q_u8(k.next_low, i), next_high = vqtbl4q_u8(k.next_high, i);
  return {
      between_knots(vreinterpretq_s16_u8(vzip1q_u8(low, high)),
                    vreinterpretq_s16_u8(vzip1q_u8(next_low, next_high)), vandq_s16(u0, below)),
      between_knots(vreinterpretq_s16_u8(vzip2q_u8(low, high)),
                    vreinterpretq_s16_u8(vzip2q_u8(next_low, next_high)), vandq_s16(u1, below))};
}

// What an activation keeps in registers from pixel to pixel.
template <Activation A>
struct Activator {
  explicit Activator(const EpilogueArrays&) {}
};
template <>
struct Activator<Activation::table> {
  explicit Activator(const EpilogueArrays& e) : knots(knots_of(e.table)) {}
  Knots knots;
};

// t of numerics.md before the residual, from f of two times 8 channels.
template <Activation A>
OCTAVO_INLINE Pair activate(const Activator<A>& activator, const EpilogueArrays& e, Float f0,
                            Float f1, Float r0, Float r1) {
  if constexpr (A == Activation::none) return {f0, f1};
  if constexpr (A == Activation::clip)
    return {clamp(f0, e.alpha, e.beta) * r0, clamp(f1, e.alpha, e.beta) * r1};
  if constexpr (A == Activation::table) {
    const Pair t = table_values(activator.knots, f0, f1);
    return {t.first * r0, t.second * r1};
  }
  if constexpr (A == Activation::hard_swish || A == Activation::hard_sigmoid) {
    const Float alpha = Vector::all(e.alpha), beta = Vector::all(e.beta);
    const Float g0 = clamp(f0 * alpha + beta, 0.0f, 1.0f),
                g1 = clamp(f1 * alpha + beta, 0.0f, 1.0f);
    if constexpr (A == Activation::hard_sigmoid) return {g0 * r0, g1 * r1};
    return {(f0 * g0) * r0, (f1 * g1) * r1};
  }
}

// The bounds of 8 channels as stored, and their zero points.
struct Limits {
  int16x8_t zero, low, high;
};
OCTAVO_INLINE Limits limits_of(const EpilogueArrays& e, int32_t c) {
  const int16x8_t zero = narrow(Vector::load(e.zero + c));
  return {zero, vaddq_s16(narrow(rounded(Vector::load(e.lo + c))), zero),
          vaddq_s16(narrow(rounded(Vector::load(e.hi + c))), zero)};
}

OCTAVO_INLINE int16x8_t quantized(const Limits& limits, Float t) {
  const int16x8_t words = vqaddq_s16(narrow(rounded(t)), limits.zero);
  return vminq_s16(vmaxq_s16(words, limits.low), limits.high);
}

// Stores the first `count` of 8 channels, `to` the first one's place.
OCTAVO_INLINE void store(ElementType type, const Limits& limits, Float t, std::byte* to,
                         int32_t count) {
  if (type == ElementType::f32) return store_floats(to, t, count);
  const int16x8_t words = quantized(limits, t);
  if (type == ElementType::i16) return store_words(to, words, count);
  if (type == ElementType::u8) return store_bytes(to, vqmovun_s16(words), count);
  store_bytes(to, vreinterpret_u8_s8(vqmovn_s16(words)), count);
}

// What 8 channels have in common in all pixels: their entries of the epilogue's arrays.
struct Channels {
  Float multiplier, output_multiplier, residual_multiplier;
  int16x8_t residual_zero;
  Limits limits;
  ElementType type, residual;

  OCTAVO_INLINE Channels(const EpilogueArrays& e, int32_t c, bool has_residual)
      : multiplier(Vector::load(e.multiplier + c)),
        output_multiplier(e.activation == Activation::none ? multiplier
                                                           : Vector::load(e.output_multiplier + c)),
        residual_multiplier(has_residual ? Vector::load(e.residual_multiplier + c) : multiplier),
        residual_zero(has_residual ? narrow(Vector::load(e.residual_zero + c)) : int16x8_t{}),
        limits(e.output == ElementType::f32 ? Limits{} : limits_of(e, c)),
        type(e.output),
        residual(e.residual) {}

  OCTAVO_INLINE Float scaled(Int sum) const { return Vector::to_float(sum) * multiplier; }
  // t plus the residual at `from`, if any.
  OCTAVO_INLINE Float with_residual(Float t, const std::byte* from) const {
    if (from == nullptr) return t;
    const int16x8_t stored = load_words(from, residual, 0);
    const Int x{vsubl_s16(vget_low_s16(stored), vget_low_s16(residual_zero)),
                vsubl_high_s16(stored, residual_zero)};
    return t + Vector::to_float(x) * residual_multiplier;
  }
  OCTAVO_INLINE void save(Float t, std::byte* to, int32_t count) const {
    store(type, limits, t, to, count);
  }
};

// kernels/common's epilogue: from f of the channels c .. c + 7 to what is stored.
template <Activation A>
struct Finish {
  const EpilogueArrays& e;
  Activator<A> activator;

  explicit OCTAVO_INLINE Finish(const EpilogueArrays& epilogue)
      : e(epilogue), activator(epilogue) {}
  OCTAVO_INLINE void operator()(Float f, std::byte* pixel, int32_t c, int32_t count) const {
    Float r = f;
    if constexpr (A != Activation::none) r = Vector::load(e.output_multiplier + c);
    const Float t = activate<A>(activator, e, f, f, r, r).first;
    const Limits limits = e.output == ElementType::f32 ? Limits{} : limits_of(e, c);
    store(e.output, limits, t, pixel + element_bytes(e.output) * c, count);
  }
};

}  // namespace
}  // namespace octavo::kernels::neon
