// The tiles of common/dense.h on 256 bits: up to 6 pixels by one or two vectors of 8 channels,
// each a register of sums. Four bytes of a run's values, broadcast, meet 8 channels' weights.
#pragma once

#include "kernels/avx2/epilogue.h"
#include "kernels/common/dense.h"

namespace octavo::kernels::avx2 {
namespace {

struct Outputs {
  const EpilogueArrays* epilogue;
  int32_t channel, channels;     // the blocks' first, and how many of them exist
  bool saturates, has_residual;  // see saturation_clamps
  std::byte* const* output;      // a pointer a pixel
  const std::byte* const* residual;
};

// All that is read of the epilogue is copied, or the compiler would read it again after every
// store.
void finish_any(const Outputs& outputs, const int32_t* sums, int32_t pixels, int32_t vectors) {
  const Outputs o = outputs;
  const EpilogueArrays e = *o.epilogue;
  const auto residual = [&](int32_t p) { return o.has_residual ? o.residual[p] : nullptr; };
  if (e.activation == Activation::table && vectors == 2) {
    const Knots knots(e.table);
    for (int32_t p = 0; p < pixels; p += 2) {
      const int32_t next = p + 1 < pixels ? p + 1 : p;
      finish_by_table(e, knots, sums + p * 16, sums + next * 16, residual(p), residual(next),
                      o.output[p], o.output[next], o.channel, o.channels);
    }
    return;
  }
  with_activation(e.activation, [&]<Activation A>() {
    for (int32_t p = 0; p < pixels; ++p)
      finish<A>(e, sums + p * vectors * 8, residual(p), o.output[p], o.channel, o.channels);
  });
}

template <int V, int P, bool Residual>
OCTAVO_INLINE void finish_saturated(const Outputs& outputs, const __m256i (&sum)[P][V]) {
  const Outputs o = outputs;  // as above
  const EpilogueArrays e = *o.epilogue;
  const Saturation<V> saturation(e, o.channel);
  const auto residual = [&](int32_t p) __attribute__((always_inline)) {
    return Residual ? o.residual[p] : nullptr;
  };
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    constexpr int i = decltype(p)::value, next = i + 1 < P ? i + 1 : i;
    if constexpr (i % 2 == 0 && V == 2)
      saturation.template store_two<Residual>(e, sum[i], sum[next], residual(i), residual(next),
                                              o.output[i], o.output[next], o.channel, o.channels);
    else if constexpr (i % 2 == 0)  // one vector of two pixels each
      saturation.template store_pixels<Residual>(e, sum[i][0], sum[next][0], residual(i),
                                                 residual(next), o.output[i], o.output[next],
                                                 o.channel, o.channels);
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

// What a tile of up to 16 channels stores.
struct Storing {
  using Outputs = avx2::Outputs;

  static Outputs outputs_of(const ConvolutionArguments& a) {
    Outputs o{};
    o.epilogue = &a.constants->epilogue;
    o.has_residual = a.constants->shape.has_residual;
    return o;
  }
  static void set_channels(int32_t channel, int32_t count, bool is_plain, Outputs& o) {
    o.channel = channel;
    o.channels = count;
    o.saturates = is_plain;
  }
  static bool prove(const ConvolutionConstants& k, int32_t channel, int32_t count) {
    return saturation_clamps(k.epilogue, k.shape.has_residual, channel, count) &&
           saturation_clamps(k.epilogue, k.shape.has_residual, channel + 8, count - 8);
  }

  // Where packing clamps.
  template <int P>
  static void store_pixels(const int32_t* sums, const Outputs& o) {
    __m256i sum[P][2];
    unroll<2 * P>([&](auto i) __attribute__((always_inline)) {
      sum[decltype(i)::value / 2][decltype(i)::value % 2] = load(sums + decltype(i)::value * 8);
    });
    o.has_residual ? finish_saturated<2, P, true>(o, sum) : finish_saturated<2, P, false>(o, sum);
  }

  // Pixels from sums in memory, [pixel][16].
  static void store(const int32_t* sums, int32_t pixels, Outputs& o) {
    if (!o.saturates) return finish_any(o, sums, pixels, 2);
    static constexpr void (*of[])(const int32_t*, const Outputs&) = {
        store_pixels<1>, store_pixels<2>, store_pixels<3>, store_pixels<4>};
    for (; pixels > 4; pixels -= 4, sums += 4 * 16, o.output += 4, o.residual += 4)
      store_pixels<4>(sums, o);
    of[pixels - 1](sums, o);
  }
};

// A Dot here has
//   element_bytes            of a value: a step is the values of four bytes
//   takes, is_restaged, stage
//   weights(p)               of a step, as dot reads them
//   dot(sum, values, weights)
template <class Dot>
struct Tiles : Dot, Storing {
  static constexpr int32_t block = 8, blocks = 2, pixels = 6;  // 12 of 16 registers are sums
  static constexpr int32_t step = 4 / Dot::element_bytes, together = step;
  static constexpr bool shifted = false;

  // Of a step: [8 channels][step].
  static int32_t place(int32_t k, int32_t lane, int32_t) {
    return k / step * 8 * step + lane * step + k % step;
  }
  static bool needs_care(const int8_t*, int32_t) { return false; }

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
