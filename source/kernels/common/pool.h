// Pools. V sums and compares a block of V::pool_lanes channels over the pixels of a window.
#pragma once

#include "kernels/common/basics.h"

namespace octavo::kernels::common {
namespace {

// One window: `rows` by `columns` counted pixels, the first at row[0] + offset.
struct Window {
  const std::byte* const* row;
  ptrdiff_t offset, pixel_bytes;
  int32_t rows, columns;

  // f(pixel) for each pixel.
  template <class F>
  OCTAVO_INLINE void each(const F& f) const {
    for (int32_t y = 0; y < rows; ++y) {
      const std::byte* pixel = row[y] + offset;
      for (int32_t x = 0; x < columns; ++x, pixel += pixel_bytes) f(pixel);
    }
  }
};

OCTAVO_INLINE Window window_of(const PoolArguments& a, int32_t r, int32_t x) {
  const int32_t top = a.row_begin[r], left = a.constants->column_begin[x];
  return {a.input.row + top, left * a.input.pixel_bytes, a.input.pixel_bytes, a.row_end[r] - top,
          a.constants->column_end[x] - left};
}

template <class V, template <Activation> class Finish>
struct Pool {
  using Float = typename V::Float;
  using Int = typename V::Int;

  template <ElementType T>
  static void maximum(const Window& w, int32_t begin, int32_t end, std::byte* output) {
    constexpr int32_t lanes = V::template Largest<T>::lanes;
    constexpr ptrdiff_t element = T == ElementType::u8 ? 1 : 2;
    for (int32_t c = begin; c < end; c += lanes) {
      typename V::template Largest<T> largest;
      w.each([&](const std::byte* pixel) { largest.add(pixel + c * element); });
      largest.save(output + c * element, smaller(end - c, lanes));
    }
  }

  template <ElementType T, Activation A>
  static void average(const PoolArguments& a, const PoolConstants& k, const Finish<A>& finish,
                      const Window& w, int32_t count, std::byte* output) {
    constexpr ptrdiff_t element = T == ElementType::u8 ? 1 : 2;
    const Float reciprocal = V::all(1.0f / static_cast<float>(count));
    const Int pixels = V::all(w.rows * w.columns);
    for (int32_t c = a.channel_begin; c < a.channel_end; c += V::lanes) {
      typename V::template Total<T> total;
      w.each([&](const std::byte* pixel) { total.add(pixel + c * element); });
      const Int sum = total.sum() - V::load(k.input_zero + c) * pixels;
      finish((V::to_float(sum) * V::load(k.epilogue.multiplier + c)) * reciprocal, output, c,
             a.channel_end - c);
    }
  }

  template <ElementType T>
  static void run_all(const PoolArguments& arguments) {
    const PoolArguments a = arguments;  // or it is read again after every store
    const PoolConstants k = *a.constants;
    with_activation(k.epilogue.activation, [&]<Activation A>() {
      const Finish<A> finish(k.epilogue);
      for (int32_t r = 0; r < a.output_rows; ++r)
        for (int32_t x = 0; x < a.output_width; ++x) {
          const Window window = window_of(a, r, x);
          std::byte* output = a.output.row[r] + x * a.output.pixel_bytes;
          if (k.shape.kind == PoolStep::Kind::average)
            average<T>(a, k, finish, window, a.row_count[r] * k.column_count[x], output);
          else
            maximum<T>(window, a.channel_begin, a.channel_end, output);
        }
    });
  }

  static bool accepts(const PoolShape& s) { return is_activation(s.input); }

  static void run(const PoolArguments& a) {
    a.constants->shape.input == ElementType::u8 ? run_all<ElementType::u8>(a)
                                                : run_all<ElementType::i16>(a);
  }
};

}  // namespace
}  // namespace octavo::kernels::common
