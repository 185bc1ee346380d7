// What becomes of the sums of a convolution's tile: the same for dense and depthwise kernels.
#pragma once

#include "kernels/neon/epilogue.h"

namespace octavo::kernels::neon {
namespace {

constexpr int32_t block = 8;  // channels of a tile

// The sums of a tile, P pixels by 8 channels.
template <int P>
struct Sums {
  Int of[P];
};

struct Outputs {
  const EpilogueArrays* epilogue;
  int32_t channel, count;  // the first, and how many of the 8 exist
  bool plain, has_residual;
  std::byte* const* output;  // a pointer a pixel
  const std::byte* const* residual;
};

// Whether sums become bytes by rounding and narrowing alone.
OCTAVO_INLINE bool is_plain(const ConvolutionConstants& k, int32_t count) {
  return k.epilogue.activation == Activation::none && k.epilogue.output == ElementType::u8 &&
         count == block && !k.shape.has_residual;
}

// Of the channels channel .. channel + count - 1; the pixels are the caller's to set.
OCTAVO_INLINE Outputs outputs_of(const ConvolutionConstants& k, int32_t channel, int32_t count) {
  Outputs o{};
  o.epilogue = &k.epilogue;
  o.has_residual = k.shape.has_residual;
  o.plain = is_plain(k, count);
  o.channel = channel;
  o.count = count;
  return o;
}

// From the sums of pixels to what is stored, two pixels at a time.
__attribute__((noinline)) void finish_any(const Outputs& outputs, const Int* sums, int32_t pixels) {
  const Outputs o = outputs;  // or it is read again after every store
  const EpilogueArrays e = *o.epilogue;
  const Channels channels(e, o.channel, o.has_residual);
  const ptrdiff_t offset = o.channel * element_bytes(e.output);
  const auto residual = [&](int32_t p) {
    return o.has_residual ? o.residual[p] + o.channel * element_bytes(e.residual) : nullptr;
  };
  with_activation(e.activation, [&]<Activation A>() {
    const Activator<A> activator(e);
    for (int32_t p = 0; p < pixels; p += 2) {
      const int32_t next = p + 1 < pixels ? p + 1 : p;
      const Float r = channels.output_multiplier;
      const Pair t =
          activate<A>(activator, e, channels.scaled(sums[p]), channels.scaled(sums[next]), r, r);
      channels.save(channels.with_residual(t.first, residual(p)), o.output[p] + offset, o.count);
      if (next != p)
        channels.save(channels.with_residual(t.second, residual(next)), o.output[next] + offset,
                      o.count);
    }
  });
}

// The common case stays in registers.
template <int P>
OCTAVO_INLINE void finish(const Outputs& o, const Sums<P>& sums) {
  if (!o.plain) return finish_any(o, sums.of, P);
  const Channels channels(*o.epilogue, o.channel, false);
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    constexpr int i = decltype(p)::value;
    vst1_u8(reinterpret_cast<uint8_t*>(o.output[i] + o.channel),
            vqmovun_s16(quantized(channels.limits, channels.scaled(sums.of[i]))));
  });
}

}  // namespace
}  // namespace octavo::kernels::neon
