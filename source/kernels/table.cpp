// The tables of all kernels that this build holds: what each folder offers, best
// folder first, the reference last.
#include <vector>

#include "kernels/kernel.h"
#include "kernels/reference/kernels.h"
#ifdef OCTAVO_AVX2_KERNELS
#include "kernels/avx2/kernels.h"
#endif
#ifdef OCTAVO_AVX512_KERNELS
#include "kernels/avx512/kernels.h"
#endif

namespace octavo::kernels {

namespace {

template <class Kernel>
std::vector<Kernel> join(std::initializer_list<std::span<const Kernel>> folders) {
  std::vector<Kernel> rows;
  for (const std::span<const Kernel> folder : folders) {
    rows.insert(rows.end(), folder.begin(), folder.end());
  }
  return rows;
}

// The reference has no required feature and accepts every shape, so that the search
// always ends.
template <class Kernel, class Shape>
const Kernel& first_that_fits(std::span<const Kernel> rows, const Shape& shape,
                              FeatureSet allowed) {
  for (const Kernel& kernel : rows) {
    const bool runs = (kernel.requires_features & ~allowed) == 0;
    if (runs && kernel.accepts(shape)) return kernel;
  }
  return rows.back();
}

}  // namespace

std::span<const ConvolutionKernel> convolution_kernels() {
  static const std::vector<ConvolutionKernel> rows = join<ConvolutionKernel>({
#ifdef OCTAVO_AVX512_KERNELS
      avx512_convolution_kernels(),
#endif
#ifdef OCTAVO_AVX2_KERNELS
      avx2_convolution_kernels(),
#endif
      reference_convolution_kernels(),
  });
  return rows;
}

std::span<const PoolKernel> pool_kernels() {
  static const std::vector<PoolKernel> rows = join<PoolKernel>({
#ifdef OCTAVO_AVX512_KERNELS
      avx512_pool_kernels(),
#endif
#ifdef OCTAVO_AVX2_KERNELS
      avx2_pool_kernels(),
#endif
      reference_pool_kernels(),
  });
  return rows;
}

std::span<const ElementwiseKernel> elementwise_kernels() {
  static const std::vector<ElementwiseKernel> rows = join<ElementwiseKernel>({
#ifdef OCTAVO_AVX512_KERNELS
      avx512_elementwise_kernels(),
#endif
#ifdef OCTAVO_AVX2_KERNELS
      avx2_elementwise_kernels(),
#endif
      reference_elementwise_kernels(),
  });
  return rows;
}

std::span<const NormalizeKernel> normalize_kernels() {
  static const std::vector<NormalizeKernel> rows = join<NormalizeKernel>({
#ifdef OCTAVO_AVX512_KERNELS
      avx512_normalize_kernels(),
#endif
#ifdef OCTAVO_AVX2_KERNELS
      avx2_normalize_kernels(),
#endif
      reference_normalize_kernels(),
  });
  return rows;
}

std::span<const MatMulKernel> matmul_kernels() {
  static const std::vector<MatMulKernel> rows = join<MatMulKernel>({
#ifdef OCTAVO_AVX512_KERNELS
      avx512_matmul_kernels(),
#endif
#ifdef OCTAVO_AVX2_KERNELS
      avx2_matmul_kernels(),
#endif
      reference_matmul_kernels(),
  });
  return rows;
}

std::span<const ResizeKernel> resize_kernels() {
  static const std::vector<ResizeKernel> rows = join<ResizeKernel>({
#ifdef OCTAVO_AVX512_KERNELS
      avx512_resize_kernels(),
#endif
#ifdef OCTAVO_AVX2_KERNELS
      avx2_resize_kernels(),
#endif
      reference_resize_kernels(),
  });
  return rows;
}

const ConvolutionKernel& choose(const ConvolutionShape& shape, FeatureSet allowed) {
  return first_that_fits(convolution_kernels(), shape, allowed);
}

const PoolKernel& choose(const PoolShape& shape, FeatureSet allowed) {
  return first_that_fits(pool_kernels(), shape, allowed);
}

const ElementwiseKernel& choose(const ElementwiseShape& shape, FeatureSet allowed) {
  return first_that_fits(elementwise_kernels(), shape, allowed);
}

const NormalizeKernel& choose(const NormalizeShape& shape, FeatureSet allowed) {
  return first_that_fits(normalize_kernels(), shape, allowed);
}

const MatMulKernel& choose(const MatMulShape& shape, FeatureSet allowed) {
  return first_that_fits(matmul_kernels(), shape, allowed);
}

const ResizeKernel& choose(const ResizeShape& shape, FeatureSet allowed) {
  return first_that_fits(resize_kernels(), shape, allowed);
}

}  // namespace octavo::kernels
