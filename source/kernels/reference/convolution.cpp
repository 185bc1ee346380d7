#include <type_traits>

#include "kernels/reference/epilogue.h"
#include "kernels/reference/kernels.h"

namespace octavo::kernels {

namespace {

using namespace reference;

bool has_words(const ConvolutionShape& s) {
  return s.weights == ElementType::i16;
}

// Packed: the bias, then the weights, both as the plan has them. Of wide ones the halves lie as
// numbers do in memory.
size_t weight_bytes(const ConvolutionShape& s) {
  return size_t(s.output_channels) * size_t(s.kernel_h) * size_t(s.kernel_w) *
         size_t(s.input_channels / s.groups) * (has_words(s) ? sizeof(int16_t) : 1);
}

size_t bias_bytes(const ConvolutionShape& s) {
  return size_t(s.output_channels) * (has_words(s) ? sizeof(int64_t) : sizeof(int32_t));
}

size_t packed_bytes(const ConvolutionShape& s) {
  return bias_bytes(s) + weight_bytes(s);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  std::memcpy(packed, bias, bias_bytes(s));
  std::memcpy(packed + bias_bytes(s), weights, weight_bytes(s));
}

// Sums of u16 are wider than 32 bits.
template <class T>
using Sum = std::conditional_t<std::is_same_v<T, uint16_t>, int64_t, int32_t>;

// A product of words fits 32 bits.
template <class T, class Weight>
Sum<T> dot(const std::byte* x, const std::byte* w, int32_t channels) {
  Sum<T> sum = 0;
  for (int32_t c = 0; c < channels; ++c) sum += load<T>(x, c) * load<Weight>(w, c);
  return sum;
}

// acc[o] of output pixel (r, x): the bias and the sum over the window.
template <class T, class Weight, class Bias>
Sum<T> accumulate(const ConvolutionArguments& a, int32_t r, int32_t x, int32_t o) {
  const ConvolutionShape& s = a.constants->shape;
  const int32_t channels = s.input_channels / s.groups;
  const int32_t first_channel = o / (s.output_channels / s.groups) * channels;
  const ptrdiff_t row_bytes = ptrdiff_t{channels} * ptrdiff_t{sizeof(Weight)};
  const std::byte* w =
      a.constants->packed + bias_bytes(s) + o * (row_bytes * s.kernel_h * s.kernel_w);
  Sum<T> acc = load<Bias>(a.constants->packed, o);
  for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
    const std::byte* row = a.input.row[r * s.stride_h + ky * s.dilation_h];
    for (int32_t kx = 0; kx < s.kernel_w; ++kx, w += row_bytes) {
      const std::byte* pixel =
          row + (ptrdiff_t{x} * s.stride_w + ptrdiff_t{kx} * s.dilation_w) * a.input.pixel_bytes;
      acc += dot<T, Weight>(pixel + first_channel * ptrdiff_t{sizeof(T)}, w, channels);
    }
  }
  return acc;
}

template <class T, class Weight = int8_t, class Bias = int32_t>
void convolve(const ConvolutionArguments& a) {
  for (int32_t r = 0; r < a.output_rows; ++r) {
    for (int32_t x = 0; x < a.output_width; ++x) {
      std::byte* pixel = a.output.row[r] + x * a.output.pixel_bytes;
      const std::byte* residual = a.constants->shape.has_residual
                                      ? a.residual.row[r] + x * a.residual.pixel_bytes
                                      : nullptr;
      for (int32_t o = a.channel_begin; o < a.channel_end; ++o) {
        const auto acc = static_cast<float>(accumulate<T, Weight, Bias>(a, r, x, o));
        const float f = acc * a.constants->epilogue.multiplier[o];
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
      return has_words(a.constants->shape) ? convolve<uint16_t, int16_t, int64_t>(a)
                                           : convolve<uint16_t>(a);
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
