// All kernels that this build holds. Each folder offers one table; CMakeLists.txt names the
// folders for this processor, best first and the reference last, as OCTAVO_ISA_FOLDERS: a
// list of OCTAVO_FOLDER(name).
#include "kernels/table.h"

#include <vector>

namespace octavo::kernels {

#define OCTAVO_FOLDER(isa) KernelTable isa##_table();
OCTAVO_ISA_FOLDERS
#undef OCTAVO_FOLDER

namespace {

#define OCTAVO_FOLDER(isa) isa##_table,
constexpr KernelTable (*folders[])() = {OCTAVO_ISA_FOLDERS};
#undef OCTAVO_FOLDER

// The rows of one operator, of all folders.
template <class Kernel>
std::vector<Kernel> join(std::span<const Kernel> KernelTable::*rows) {
  std::vector<Kernel> all;
  for (const auto folder : folders) {
    const KernelTable table = folder();
    all.insert(all.end(), (table.*rows).begin(), (table.*rows).end());
  }
  return all;
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
  static const auto rows = join(&KernelTable::convolutions);
  return rows;
}
std::span<const PoolKernel> pool_kernels() {
  static const auto rows = join(&KernelTable::pools);
  return rows;
}
std::span<const ElementwiseKernel> elementwise_kernels() {
  static const auto rows = join(&KernelTable::elementwises);
  return rows;
}
std::span<const NormalizeKernel> normalize_kernels() {
  static const auto rows = join(&KernelTable::normalizes);
  return rows;
}
std::span<const MatMulKernel> matmul_kernels() {
  static const auto rows = join(&KernelTable::matmuls);
  return rows;
}
std::span<const ResizeKernel> resize_kernels() {
  static const auto rows = join(&KernelTable::resizes);
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
