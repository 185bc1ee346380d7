#include <type_traits>

#include "kernels/reference/epilogue.h"
#include "kernels/reference/kernels.h"

namespace octavo::kernels {

namespace {

using namespace reference;

// Packed: the bias, then the weights, both as the plan has them.
size_t weight_count(const ConvolutionShape& s) {
  return size_t(s.output_channels) * size_t(s.kernel_h) * size_t(s.kernel_w) *
         size_t(s.input_channels / s.groups);
}

size_t bias_bytes(const ConvolutionShape& s) {
  return size_t(s.output_channels) * sizeof(int32_t);
}

size_t packed_bytes(const ConvolutionShape& s) {
  return bias_bytes(s) + weight_count(s);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  std::memcpy(packed, bias, bias_bytes(s));
  std::memcpy(packed + bias_bytes(s), weights, weight_count(s));
}

// Sums of u16 are wider than 32 bits.
template <class T>
using Sum = std::conditional_t<std::is_same_v<T, uint16_t>, int64_t, int32_t>;

template <class T>
Sum<T> dot(const std::byte* x, const std::byte* w, int32_t channels) {
  Sum<T> sum = 0;
  for (int32_t c = 0; c < channels; ++c) sum += load<T>(x, c) * load<int8_t>(w, c);
  return sum;
}

// acc[o] of output pixel (r, x): the bias and the sum over the window.
template <class T>
Sum<T> accumulate(const ConvolutionArguments& a, int32_t r, int32_t x, int32_t o) {
  const ConvolutionShape& s = a.constants->shape;
  const int32_t channels = s.input_channels / s.groups;
  const int32_t first_channel = o / (s.output_channels / s.groups) * channels;
  const std::byte* w =
      a.constants->packed + bias_bytes(s) + ptrdiff_t{o} * s.kernel_h * s.kernel_w * channels;
  Sum<T> acc = load<int32_t>(a.constants->packed, o);
  for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
    const std::byte* row = a.input.row[r * s.stride_h + ky * s.dilation_h];
    for (int32_t kx = 0; kx < s.kernel_w; ++kx, w += channels) {
      const std::byte* pixel =
          row + (ptrdiff_t{x} * s.stride_w + ptrdiff_t{kx} * s.dilation_w) * a.input.pixel_bytes;
      acc += dot<T>(pixel + first_channel * ptrdiff_t{sizeof(T)}, w, channels);
    }
  }
  return acc;
}

template <class T>
void convolve(const ConvolutionArguments& a) {
  for (int32_t r = 0; r < a.output_rows; ++r) {
    for (int32_t x = 0; x < a.output_width; ++x) {
      std::byte* pixel = a.output.row[r] + x * a.output.pixel_bytes;
      const std::byte* residual = a.constants->shape.has_residual
                                      ? a.residual.row[r] + x * a.residual.pixel_bytes
                                      : nullptr;
      for (int32_t o = a.channel_begin; o < a.channel_end; ++o) {
        const float f =
            static_cast<float>(accumulate<T>(a, r, x, o)) * a.constants->epilogue.multiplier[o];
        finish(a.constants->epilogue, o, f, residual, pixel);
      }
    }
  }
}

void run(const ConvolutionArguments& a) {
  switch (a.constants->shape.input) {
    case ElementType::u8:
      return convolve<uint8_t>(a);
    case ElementType::i8:
      return convolve<int8_t>(a);
    case ElementType::i16:
      return convolve<int16_t>(a);
    case ElementType::u16:
      return convolve<uint16_t>(a);
    case ElementType::f32:
      return;  // no plan has it
  }
}

constexpr ConvolutionKernel rows[] = {
    {.name = "reference_convolution",
     .requires_features = 0,
     .accepts = [](const ConvolutionShape&) { return true; },
     .channel_step = 1,
     .packed_bytes = packed_bytes,
     .pack = pack,
     .prepared_bytes = nullptr,
     .prepare = nullptr,
     .scratch_bytes = [](const ConvolutionShape&) { return size_t{0}; },
     .run = run,
     .takes_u16 = true},
};

}  // namespace

std::span<const ConvolutionKernel> reference_convolution_kernels() {
  return rows;
}

}  // namespace octavo::kernels
