// What becomes of the sums of a convolution's tile: the same for dense and depthwise kernels.
#pragma once

#include <type_traits>

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
  EpilogueArrays epilogue;
  int32_t channel, count;  // the first, and how many of the 8 exist
  int32_t entry;           // of the epilogue's arrays, where the first channel is
  bool has_residual;
  std::byte* const* output;  // a pointer a pixel
  const std::byte* const* residual;

  OCTAVO_INLINE std::byte* output_pixel(int32_t p) const {
    return output[p] + channel * element_bytes(epilogue.output);
  }
  OCTAVO_INLINE const std::byte* residual_pixel(int32_t p) const {
    return has_residual ? residual[p] + channel * element_bytes(epilogue.residual) : nullptr;
  }
};

// The epilogue's arrays are read 8 channels at a time, and a group may end in the middle of
// them, where the arrays end: copies of the last ones then.
struct ArrayCopies {
  float room[7][block] = {};
};

OCTAVO_INLINE EpilogueArrays copied(const EpilogueArrays& whole, bool residual, int32_t first,
                                    int32_t readable, ArrayCopies& copies) {
  int32_t next = 0;
  const auto copy = [&](const auto*& array) {
    float* to = copies.room[next++];
    __builtin_memcpy(to, array + first, sizeof(float) * static_cast<size_t>(readable));
    array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(to);
  };
  EpilogueArrays e = whole;
  copy(e.multiplier);
  copy(e.lo);
  copy(e.hi);
  copy(e.zero);
  if (e.activation != Activation::none) copy(e.output_multiplier);
  if (residual) copy(e.residual_multiplier);
  if (residual) copy(e.residual_zero);
  return e;
}

// Of the channels channel .. channel + count - 1; the pixels are the caller's to set.
OCTAVO_INLINE Outputs outputs_of(const ConvolutionArguments& a, int32_t channel, int32_t count,
                                 ArrayCopies& copies) {
  const int32_t readable =
      divide_up(a.shape->output_channels, channel_round) * channel_round - channel;
  Outputs o{};
  o.has_residual = a.shape->has_residual;
  o.epilogue =
      readable < block ? copied(a.epilogue, o.has_residual, channel, readable, copies) : a.epilogue;
  o.entry = readable < block ? 0 : channel;
  o.channel = channel;
  o.count = count;
  return o;
}

// From the sums of pixels to what is stored, two pixels at a time.
__attribute__((noinline)) void finish_any(const Outputs& outputs, const Int* sums, int32_t pixels) {
  const Outputs o = outputs;  // or it is read again after every store
  const Channels channels(o.epilogue, o.entry, o.has_residual);
  with_activation(o.epilogue.activation, [&]<Activation A>() {
    const Activator<A> activator(o.epilogue);
    for (int32_t p = 0; p < pixels; p += 2) {
      const int32_t next = p + 1 < pixels ? p + 1 : p;
      const Float r = channels.output_multiplier;
      const Pair t = activate<A>(activator, o.epilogue, channels.scaled(sums[p]),
                                 channels.scaled(sums[next]), r, r);
      channels.save(channels.with_residual(t.first, o.residual_pixel(p)), o.output_pixel(p),
                    o.count);
      if (next != p)
        channels.save(channels.with_residual(t.second, o.residual_pixel(next)),
                      o.output_pixel(next), o.count);
    }
  });
}

// The common case stays in registers.
template <int P>
OCTAVO_INLINE void finish(const Outputs& o, const Sums<P>& sums) {
  const bool plain = o.epilogue.activation == Activation::none &&
                     o.epilogue.output == ElementType::u8 && o.count == block && !o.has_residual;
  if (!plain) return finish_any(o, sums.of, P);
  const Channels channels(o.epilogue, o.entry, false);
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    constexpr int i = decltype(p)::value;
    vst1_u8(reinterpret_cast<uint8_t*>(o.output[i] + o.channel),
            vqmovun_s16(quantized(channels.limits, channels.scaled(sums.of[i]))));
  });
}

}  // namespace
}  // namespace octavo::kernels::neon
