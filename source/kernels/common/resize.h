// Resize by two neighbours a direction. No weighted sum exceeds 2^29.
#pragma once

#include "kernels/common/basics.h"

namespace octavo::kernels::common {
namespace {

template <class V, template <Activation> class Finish>
struct Resize {
  using Int = typename V::Int;

  template <ElementType T, Activation A>
  static void run_all(const ResizeArguments& arguments) {
    const ResizeArguments z = arguments;  // or it is read again after every store
    const ResizeConstants k = *z.constants;
    const Finish<A> finish(k.epilogue);
    const int32_t channels = k.shape.channels;
    for (int32_t r = 0; r < z.rows; ++r)
      for (int32_t x = 0; x < z.width; ++x) {
        const ptrdiff_t left = k.column[x] * z.upper.pixel_bytes,
                        right = k.next_column[x] * z.upper.pixel_bytes;
        const std::byte *upper = z.upper.row[r], *lower = z.lower.row[r];
        const int32_t wy = z.row_weight[r], wx = k.column_weight[x];
        const Int weights[4] = {V::all((128 - wy) * (128 - wx)), V::all((128 - wy) * wx),
                                V::all(wy * (128 - wx)), V::all(wy * wx)};
        std::byte* output = z.output.row[r] + x * z.output.pixel_bytes;
        for (int32_t c = 0; c < channels; c += V::lanes) {
          // All weights together are 2^14.
          const Int zeros = V::load(k.input_zero + c) * V::all(1 << 14);
          const Int above = V::load_stored(upper + left, T, c) * weights[0] +
                            V::load_stored(upper + right, T, c) * weights[1];
          const Int below = V::load_stored(lower + left, T, c) * weights[2] +
                            V::load_stored(lower + right, T, c) * weights[3];
          finish(V::to_float(above + below - zeros) * V::load(k.epilogue.multiplier + c), output, c,
                 channels - c);
        }
      }
  }

  static bool accepts(const ResizeShape& s) { return is_activation(s.input); }

  static void run(const ResizeArguments& z) {
    const ResizeConstants& k = *z.constants;
    with_activation(k.epilogue.activation, [&]<Activation A>() {
      k.shape.input == ElementType::u8 ? run_all<ElementType::u8, A>(z)
                                       : run_all<ElementType::i16, A>(z);
    });
  }
};

}  // namespace
}  // namespace octavo::kernels::common
