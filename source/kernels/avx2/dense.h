// The tiles of common/dense.h on 256 bits: up to 6 pixels by one or two vectors of 8 channels,
// each a register of sums. Four bytes of a run's values, broadcast, meet 8 channels' weights.
#pragma once

#include "kernels/avx2/epilogue.h"
#include "kernels/common/dense.h"

namespace octavo::kernels::avx2 {
namespace {

// The epilogue's arrays are read 16 channels at a time, and a group may end in the middle of
// them, where the arrays end: copies of the last ones then.
struct ArrayCopies {
  float room[7][16] = {};
};

struct Outputs {
  EpilogueArrays epilogue;                   // from the first channel on
  int32_t channels;                          // how many of the blocks' exist
  bool saturates, has_residual;              // see saturation_clamps
  ptrdiff_t output_offset, residual_offset;  // of the first channel in a pixel
  std::byte* const* output;                  // a pointer a pixel
  const std::byte* const* residual;

  OCTAVO_INLINE std::byte* output_pixel(int32_t p) const { return output[p] + output_offset; }
  OCTAVO_INLINE const std::byte* residual_pixel(int32_t p) const {
    return has_residual ? residual[p] + residual_offset : nullptr;
  }
};

// Filled where it lies: a group of few channels has little else to do.
void set_epilogue(const ConvolutionArguments& a, int32_t channel, ArrayCopies& copies,
                  EpilogueArrays& e) {
  const int32_t readable =
      divide_up(a.shape->output_channels, channel_round) * channel_round - channel;
  int32_t next = 0;
  const auto advance = [&](const auto*& array, const auto* from) {
    array = from + channel;
    if (readable >= 16) return;
    float* copy = copies.room[next++];
    __builtin_memcpy(copy, array, sizeof(float) * static_cast<size_t>(readable));
    array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(copy);
  };
  advance(e.multiplier, a.epilogue.multiplier);
  advance(e.lo, a.epilogue.lo);
  advance(e.hi, a.epilogue.hi);
  advance(e.zero, a.epilogue.zero);
  if (e.activation != Activation::none) advance(e.output_multiplier, a.epilogue.output_multiplier);
  if (a.shape->has_residual) {
    advance(e.residual_multiplier, a.epilogue.residual_multiplier);
    advance(e.residual_zero, a.epilogue.residual_zero);
  }
}

// All that is read of the epilogue is copied out of the outputs, or the compiler would read it
// again after every store.
void finish_any(const Outputs& o, const int32_t* sums, int32_t pixels, int32_t vectors) {
  const EpilogueArrays e = o.epilogue;
  const int32_t channels = o.channels;
  with_activation(e.activation, [&]<Activation A>() {
    for (int32_t p = 0; p < pixels; ++p)
      finish<A>(e, sums + p * vectors * 8, o.residual_pixel(p), o.output_pixel(p), 0, channels);
  });
}

template <int V, int P, bool Residual>
OCTAVO_INLINE void finish_saturated(const Outputs& outputs, const __m256i (&sum)[P][V]) {
  const Outputs o = outputs;  // as above
  const Saturation<V> saturation(o.epilogue, 0);
  const auto residual = [&](int32_t p) __attribute__((always_inline)) {
    return Residual ? o.residual[p] + o.residual_offset : nullptr;
  };
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    constexpr int i = decltype(p)::value, next = i + 1 < P ? i + 1 : i;
    if constexpr (V == 2)
      saturation.template store<Residual>(o.epilogue, sum[i][0], sum[i][1], residual(i),
                                          o.output_pixel(i), 0, o.channels);
    else if constexpr (i % 2 == 0)  // one vector of two pixels each
      saturation.template store_pixels<Residual>(o.epilogue, sum[i][0], sum[next][0], residual(i),
                                                 residual(next), o.output_pixel(i),
                                                 o.output_pixel(next), 0, o.channels);
  });
}

template <int V, int P>
OCTAVO_INLINE void finish_tile(const Outputs& o, const __m256i (&sum)[P][V]) {
  if (o.saturates)
    return o.has_residual ? finish_saturated<V, P, true>(o, sum)
                          : finish_saturated<V, P, false>(o, sum);
  alignas(32) int32_t sums[P * V * 8 + 8];
  unroll<V * P>([&](auto i) __attribute__((always_inline)) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums + decltype(i)::value * 8),
                       sum[decltype(i)::value / V][decltype(i)::value % V]);
  });
  finish_any(o, sums, P, V);
}

// A Dot here has
//   element_bytes            of a value: a step is the values of four bytes
//   takes, is_restaged, stage
//   weights(p)               of a step, as dot reads them
//   dot(sum, values, weights)
template <class Dot>
struct Tiles : Dot {
  static constexpr int32_t block = 8, blocks = 2, pixels = 6;  // 12 of 16 registers are sums
  static constexpr int32_t step = 4 / Dot::element_bytes, together = step;
  static constexpr bool shifted = false;
  using Outputs = avx2::Outputs;
  using Copies = ArrayCopies;

  // Of a step: [8 channels][step].
  static int32_t place(int32_t k, int32_t lane, int32_t) {
    return k / step * 8 * step + lane * step + k % step;
  }
  static bool needs_care(const int8_t*, int32_t) { return false; }

  static Outputs outputs_of(const ConvolutionArguments& a) {
    Outputs o{};
    o.epilogue = a.epilogue;
    o.has_residual = a.shape->has_residual;
    return o;
  }
  static void set_channels(const ConvolutionArguments& a, int32_t channel, int32_t count,
                           Copies& copies, Outputs& o) {
    set_epilogue(a, channel, copies, o.epilogue);
    o.channels = count;
    o.saturates = saturation_clamps(o.epilogue, o.has_residual, 0, count) &&
                  saturation_clamps(o.epilogue, o.has_residual, 8, count - 8);
    o.output_offset = channel * element_bytes(a.epilogue.output);
    o.residual_offset = channel * element_bytes(a.epilogue.residual);
  }

  template <int V, int P>
  static OCTAVO_INLINE void compute(const Operands& o, const Outputs& outputs) {
    __m256i sum[P][V];
    unroll<V * P>([&](auto i) __attribute__((always_inline)) {
      constexpr int v = decltype(i)::value % V;
      sum[decltype(i)::value / V][v] = load(o.bias + 8 * v);
    });
    const ptrdiff_t end = ptrdiff_t{o.steps} * 4, block_bytes = o.block_bytes;
    o.each_run<P>([&](const std::byte*(&x)[P], const std::byte* w) __attribute__((always_inline)) {
      for (ptrdiff_t k = 0; k < end; k += 4, w += 8 * step) {
        __m256i weights[V];
        unroll<V>([&](auto v8) __attribute__((always_inline)) {
          constexpr int v = decltype(v8)::value;
          const std::byte* from = w + v * block_bytes;
          weights[v] = Dot::weights(from);
          keep_in_register(weights[v]);
          // One pixel waits for its weights alone, which come from far.
          if constexpr (P == 1) prefetch(from + 1024);
        });
        unroll<P>([&](auto p6) __attribute__((always_inline)) {
          constexpr int p = decltype(p6)::value;
          const __m256i values = _mm256_set1_epi32(load_dword(x[p] + k));
          unroll<V>([&](auto v) __attribute__((always_inline)) {
            constexpr int i = decltype(v)::value;
            sum[p][i] = Dot::dot(sum[p][i], values, weights[i]);
          });
        });
      }
    });
    finish_tile(outputs, sum);
  }
};

template <class Dot>
using Dense = common::DenseLoops<Tiles<Dot>>;

}  // namespace
}  // namespace octavo::kernels::avx2
