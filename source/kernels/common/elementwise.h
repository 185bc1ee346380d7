// Add, multiply, divide (also by a gate of one pixel) and rescale, a vector of channels at a time.
#pragma once

#include "kernels/common/basics.h"

namespace octavo::kernels::common {
namespace {

// V is an ISA's Vector, Finish<A> its epilogue: both in the ISA's folder.
template <class V, template <Activation> class Finish>
struct Elementwise {
  using Kind = ElementwiseShape::Kind;
  using Float = typename V::Float;
  using Int = typename V::Int;

  template <Kind K>
  static OCTAVO_INLINE Float value_of(const ElementwiseConstants& e, const std::byte* a,
                                      const std::byte* b, int32_t c) {
    const Float m = V::load(e.epilogue.multiplier + c);
    const Int left = V::load_stored(a, e.shape.a, c) - V::load(e.a_zero + c);
    if constexpr (K == Kind::rescale) {
      return V::to_float(left) * m + V::load(e.offset + c);
    } else {
      const Int right = V::load_stored(b, e.shape.b, c) - V::load(e.b_zero + c);
      if constexpr (K == Kind::multiply) return V::to_float(left * right) * m;
      if constexpr (K == Kind::divide) return (V::to_float(left) * m) / V::divisor(right);
      if constexpr (K == Kind::add)
        return V::to_float(left) * m + V::to_float(right) * V::load(e.b_multiplier + c);
    }
  }

  // A vector of channels through all pixels of a row: what belongs to channels stays where it is.
  template <Kind K, Activation A>
  static void run_all(const ElementwiseArguments& arguments) {
    const ElementwiseConstants e = *arguments.constants;  // or they are read after every store
    const Finish<A> finish(e.epilogue);
    const int32_t channels = e.shape.channels;
    for (int32_t r = 0; r < arguments.rows; ++r)
      for (int32_t x = 0; x < arguments.width; ++x) {
        const std::byte* a = arguments.a.row[r] + x * arguments.a.pixel_bytes;
        const std::byte* b = nullptr;
        if constexpr (K != Kind::rescale)
          b = arguments.b.row[r] + (e.shape.b_is_one_pixel ? 0 : x) * arguments.b.pixel_bytes;
        std::byte* output = arguments.output.row[r] + x * arguments.output.pixel_bytes;
        for (int32_t c = 0; c < channels; c += V::lanes)
          finish(value_of<K>(e, a, b, c), output, c, channels - c);
      }
  }

  static bool accepts(const ElementwiseShape& s) {
    return s.a != ElementType::f32 && s.b != ElementType::f32;
  }

  static void run(const ElementwiseArguments& e) {
    with_activation(e.constants->epilogue.activation, [&]<Activation A>() {
      switch (e.constants->shape.kind) {
        case Kind::add:
          return run_all<Kind::add, A>(e);
        case Kind::multiply:
          return run_all<Kind::multiply, A>(e);
        case Kind::divide:
          return run_all<Kind::divide, A>(e);
        case Kind::rescale:
          return run_all<Kind::rescale, A>(e);
      }
    });
  }
};

}  // namespace
}  // namespace octavo::kernels::common
