// The speed of each convolution kernel on the layers of well-known networks, beside
// the machine's limit: kernel_bench [part of a kernel's name [part of a layer's]].
// A figure is the fastest of many short runs, so that other work on the machine does
// not count; operands are in the cache, as they are inside a network.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/timing.h"
#include "kernels/avxvnni/evex.h"
#include "kernels/kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using namespace octavo;
using namespace octavo::kernels;
using bench::fastest;
using bench::prepared_by;
using bench::Rows;

struct Layer {
  const char* name;
  int32_t input_channels, output_channels, groups, kernel, stride, output_size;
  Activation activation = Activation::none;
  bool residual = false;
};

constexpr Layer layers[] = {
    {"stem 3-32 3x3/2", 3, 32, 1, 3, 2, 112},
    {"stem 3-24 3x3/2", 3, 24, 1, 3, 2, 112},
    {"stem 3-16 3x3/2 hswish", 3, 16, 1, 3, 2, 112, Activation::hard_swish},
    {"stem 3-64 7x7/2", 3, 64, 1, 7, 2, 112},
    {"pointwise 32-16", 32, 16, 1, 1, 1, 112},
    {"pointwise 16-96", 16, 96, 1, 1, 1, 112},
    {"pointwise 96-24", 96, 24, 1, 1, 1, 56},
    {"pointwise 24-144", 24, 144, 1, 1, 1, 56},
    {"pointwise 144-24 res", 144, 24, 1, 1, 1, 56, Activation::none, true},
    {"pointwise 144-32", 144, 32, 1, 1, 1, 28},
    {"pointwise 32-192", 32, 192, 1, 1, 1, 28},
    {"pointwise 192-32 res", 192, 32, 1, 1, 1, 28, Activation::none, true},
    {"pointwise 192-64", 192, 64, 1, 1, 1, 14},
    {"pointwise 64-384", 64, 384, 1, 1, 1, 14},
    {"pointwise 384-64 res", 384, 64, 1, 1, 1, 14, Activation::none, true},
    {"pointwise 96-576", 96, 576, 1, 1, 1, 14},
    {"pointwise 576-96 res", 576, 96, 1, 1, 1, 14, Activation::none, true},
    {"pointwise 160-960", 160, 960, 1, 1, 1, 7},
    {"pointwise 960-160 res", 960, 160, 1, 1, 1, 7, Activation::none, true},
    {"pointwise 960-320", 960, 320, 1, 1, 1, 7},
    {"pointwise 320-1280", 320, 1280, 1, 1, 1, 7},
    {"pointwise 384-384 14", 384, 384, 1, 1, 1, 14},
    {"pointwise 768-768 7", 768, 768, 1, 1, 1, 7},
    {"pointwise 58-58 28", 58, 58, 1, 1, 1, 28},
    {"pointwise 96-576 hswish", 96, 576, 1, 1, 1, 14, Activation::hard_swish},
    {"pointwise 96-576 table", 96, 576, 1, 1, 1, 14, Activation::table},
    {"pointwise 48-192 table", 48, 192, 1, 1, 1, 56, Activation::table},
    {"pointwise 48-192", 48, 192, 1, 1, 1, 56},
    {"pointwise 16-96 table", 16, 96, 1, 1, 1, 112, Activation::table},
    {"pointwise 24-144 table", 24, 144, 1, 1, 1, 56, Activation::table},
    {"pointwise 88-352 table", 88, 352, 1, 1, 1, 14, Activation::table},
    {"dense 40-40 3x3", 40, 40, 1, 3, 1, 56},
    {"dense 64-64 3x3 56", 64, 64, 1, 3, 1, 56},
    {"dense 64-64 3x3", 64, 64, 1, 3, 1, 28},
    {"dense 64-192 3x3", 64, 192, 1, 3, 1, 56},
    {"dense 128-128 3x3", 128, 128, 1, 3, 1, 28},
    {"dense 192-192 3x3", 192, 192, 1, 3, 1, 14},
    {"dense 256-256 3x3", 256, 256, 1, 3, 1, 14},
    {"dense 160-320 3x3", 160, 320, 1, 3, 1, 7},
    {"dense 512-512 3x3", 512, 512, 1, 3, 1, 7},
    {"fc 1280-1000", 1280, 1000, 1, 1, 1, 1},
    {"gate fc 240-64", 240, 64, 1, 1, 1, 1},
    {"depthwise 64 3x3 L1", 64, 64, 64, 3, 1, 14},
    {"depthwise 8 3x3", 8, 8, 8, 3, 1, 112},
    {"depthwise 16 3x3", 16, 16, 16, 3, 1, 112},
    {"depthwise 24 3x3", 24, 24, 24, 3, 1, 112},
    {"depthwise 32 3x3", 32, 32, 32, 3, 1, 112},
    {"depthwise 32 3x3 table", 32, 32, 32, 3, 1, 112, Activation::table},
    {"depthwise 144 3x3 table", 144, 144, 144, 3, 1, 56, Activation::table},
    {"depthwise 96 3x3/2", 96, 96, 96, 3, 2, 56},
    {"depthwise 144 3x3", 144, 144, 144, 3, 1, 56},
    {"depthwise 144 3x3/2", 144, 144, 144, 3, 2, 28},
    {"depthwise 192 3x3", 192, 192, 192, 3, 1, 28},
    {"depthwise 192 3x3/2", 192, 192, 192, 3, 2, 14},
    {"depthwise 384 3x3", 384, 384, 384, 3, 1, 14},
    {"depthwise 576 3x3", 576, 576, 576, 3, 1, 14},
    {"depthwise 576 3x3/2", 576, 576, 576, 3, 2, 7},
    {"depthwise 960 3x3", 960, 960, 960, 3, 1, 7},
    {"depthwise 16 5x5", 16, 16, 16, 5, 1, 112},
    {"depthwise 240 5x5", 240, 240, 240, 5, 1, 14},
    {"depthwise 96 5x5/2", 96, 96, 96, 5, 2, 14},
    {"depthwise 240 5x5 hswish", 240, 240, 240, 5, 1, 14, Activation::hard_swish},
    {"depthwise 96 7x7", 96, 96, 96, 7, 1, 28},
    {"grouped 24/8 3x3", 24, 24, 3, 3, 1, 56},
    {"grouped 56/8 3x3", 56, 56, 7, 3, 1, 28},
    {"grouped 152/8 3x3", 152, 152, 19, 3, 1, 14},
    {"grouped 368/8 3x3", 368, 368, 46, 3, 1, 7},
    {"grouped 128/4 3x3", 128, 128, 32, 3, 1, 28},
    {"grouped 256/16 3x3", 256, 256, 16, 3, 1, 14},
    {"grouped 512/32 3x3", 512, 512, 16, 3, 1, 7},
};

#if defined(__x86_64__)
// Products a second of 12 independent chains of vpdpbusd on 512 bits.
__attribute__((target("avx512f,avx512vnni"))) double peak_vnni512() {
  constexpr int64_t turns = 20000;
  const double time = fastest([]() __attribute__((target("avx512f,avx512vnni"))) {
    int64_t left = turns;
    __asm__ volatile(
        "1:\n"
        ".irp r,0,1,2,3,4,5,6,7,8,9,10,11\n"
        "vpdpbusd %%zmm30, %%zmm31, %%zmm\\r\n"
        ".endr\n"
        "dec %0\n"
        "jnz 1b\n"
        : "+r"(left)
        :
        : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
          "xmm10", "xmm11");
  });
  return 12 * 64 * turns / time;
}

// Products a second of 12 independent chains of vpdpbusd on 256 bits, as AVX-VNNI encodes it.
__attribute__((target("avxvnni"))) double peak_vnni256() {
  constexpr int64_t turns = 20000;
  const double time = fastest([]() __attribute__((target("avxvnni"))) {
    int64_t left = turns;
    __asm__ volatile(
        "1:\n"
        ".irp r,0,1,2,3,4,5,6,7,8,9,10,11\n"
        "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm\\r\n"
        ".endr\n"
        "dec %0\n"
        "jnz 1b\n"
        : "+r"(left)
        :
        : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
          "xmm10", "xmm11");
  });
  return 12 * 32 * turns / time;
}

// The same for tdpbusd, two by two tiles of sums, from registers.
double peak_amx() {
  constexpr int64_t turns = 5000;
  struct alignas(64) {
    uint8_t palette = 1, reserved[15] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } const shapes;
  __asm__ volatile("ldtilecfg %0" : : "m"(shapes));
  const double time = fastest([] {
    for (int64_t i = 0; i < turns; ++i)
      __asm__ volatile(
          "tdpbusd %tmm6, %tmm4, %tmm0\n"
          "tdpbusd %tmm7, %tmm4, %tmm1\n"
          "tdpbusd %tmm6, %tmm5, %tmm2\n"
          "tdpbusd %tmm7, %tmm5, %tmm3\n");
  });
  __asm__ volatile("tilerelease");
  return 4 * 16 * 16 * 64 * turns / time;
}

// The same for vpmaddwd and vpaddd on 256 bits, what AVX2 has.
__attribute__((target("avx2"))) double peak_avx2() {
  constexpr int64_t turns = 20000;
  const double time = fastest([]() __attribute__((target("avx2"))) {
    int64_t left = turns;
    __asm__ volatile(
        "1:\n"
        ".irp r,0,1,2,3,4,5,6,7,8,9,10,11\n"
        "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n"
        "vpaddd %%ymm13, %%ymm\\r, %%ymm\\r\n"
        ".endr\n"
        "dec %0\n"
        "jnz 1b\n"
        : "+r"(left)
        :
        : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
          "xmm10", "xmm11", "xmm13");
  });
  return 12 * 16 * turns / time;
}
#endif

double peak_of(const ConvolutionKernel& kernel) {
#if defined(__x86_64__)
  if ((kernel.requires_features & feature::amx_int8) != 0) return peak_amx();
  if ((kernel.requires_features & feature::avx512vnni) != 0) return peak_vnni512();
  if ((kernel.requires_features & feature::avxvnni) != 0) return peak_vnni256();
  if ((kernel.requires_features & feature::avx2) != 0) return peak_avx2();
#endif
  (void)kernel;
  return 0;
}

ConvolutionShape shape_of(const Layer& layer) {
  ConvolutionShape s;
  s.input_channels = layer.input_channels;
  s.output_channels = layer.output_channels;
  s.groups = layer.groups;
  s.kernel_h = s.kernel_w = layer.kernel;
  s.stride_h = s.stride_w = layer.stride;
  s.activation = layer.activation;
  s.has_residual = layer.residual;
  s.output_height = s.output_width = layer.output_size;
  return s;
}

double time_layer(const ConvolutionKernel& kernel, const Layer& layer) {
  const ConvolutionShape s = shape_of(layer);
  const int32_t size = layer.output_size;
  const int32_t input_size = (size - 1) * s.stride_h + s.kernel_h;
  const auto channels = static_cast<size_t>(s.output_channels);
  const size_t taps = static_cast<size_t>(s.kernel_h * s.kernel_w * (s.input_channels / s.groups));
  std::vector<int8_t> weights(channels * taps);
  // As trained ones are: most are small (a standard deviation of 37).
  uint32_t random = 1;
  for (int8_t& weight : weights) {
    int sum = 0;
    for (int i = 0; i < 4; ++i) {
      random = random * 1664525 + 1013904223;
      sum += static_cast<int>((random >> 16) % 64) - 32;
    }
    weight = static_cast<int8_t>(sum < -127 ? -127 : sum);
  }
  const std::vector<int32_t> bias(channels, 100);
  const size_t padded =
      (channels + channel_round - 1) / channel_round * channel_round + slack_bytes / sizeof(float);
  const std::vector<float> small(padded, 0.001f), low(padded, 0.0f), high(padded, 255.0f);
  const std::vector<int32_t> zero(padded, 0);
  const std::vector<int16_t> table(128, 100);

  Rows packed(1, static_cast<int64_t>(kernel.packed_bytes(s)));
  Rows scratch(1, static_cast<int64_t>(kernel.scratch_bytes(s)));
  Rows input(input_size, static_cast<int64_t>(input_size) * s.input_channels);
  Rows output(size, static_cast<int64_t>(size) * s.output_channels);
  Rows residual(size, static_cast<int64_t>(size) * s.output_channels);
  kernel.pack(s, weights.data(), bias.data(), packed.row[0]);

  ConvolutionConstants k;
  ConvolutionArguments a;
  k.shape = s;
  a.constants = &k;
  k.packed = packed.row[0];
  k.epilogue.activation = s.activation;
  k.epilogue.alpha = 0.16666667f;
  k.epilogue.beta = 0.5f;
  k.epilogue.multiplier = k.epilogue.residual_multiplier = small.data();
  k.epilogue.output_multiplier = small.data();
  k.epilogue.table = table.data();
  k.epilogue.residual_zero = k.epilogue.zero = zero.data();
  k.epilogue.lo = low.data();
  k.epilogue.hi = high.data();
  if (!s.has_residual) k.epilogue.residual_multiplier = nullptr;
  a.input = {input.row.data(), s.input_channels};
  a.output = {output.row.data(), s.output_channels};
  a.residual = {residual.row.data(), s.output_channels};
  a.output_rows = a.output_width = size;
  a.channel_end = s.output_channels;
  a.scratch = scratch.row[0];
  const Rows prepared = prepared_by(kernel, k);
  return fastest([&] { kernel.run(a); });
}

}  // namespace

int main(int argc, char** argv) {
  const char* kernel_part = argc > 1 ? argv[1] : "";
  const char* layer_part = argc > 2 ? argv[2] : "";
  const FeatureSet have = machine_features();
  for (const Layer& layer : layers) {
    if (std::strstr(layer.name, layer_part) == nullptr) continue;
    const ConvolutionShape shape = shape_of(layer);
    FeatureSet seen = ~0u;  // the first row of each ISA is the one that runs
    for (const ConvolutionKernel& kernel : all_convolution_kernels()) {
      const FeatureSet needs = kernel.requires_features;
      if (std::strstr(kernel.name, kernel_part) == nullptr || needs == 0 || needs == seen) continue;
      if ((needs & ~have) != 0 || !kernel.accepts(shape)) continue;
      seen = needs;
      const double peak = peak_of(kernel), time = time_layer(kernel, layer);
      const double macs = static_cast<double>(layer.output_size) * layer.output_size *
                          layer.output_channels * layer.kernel * layer.kernel *
                          (layer.input_channels / layer.groups);
      std::printf("%-26s %-24s %8.1f us %7.1f GMAC/s %4.0f %% of %.0f\n", layer.name, kernel.name,
                  time * 1e6, macs / time * 1e-9, 100 * macs / time / peak, peak * 1e-9);
    }
  }
}
