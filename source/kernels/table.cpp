// All kernels that this build holds. Each folder offers one table; CMakeLists.txt names the
// folders for this processor, best first and the reference last, as OCTAVO_ISA_FOLDERS: a
// list of OCTAVO_FOLDER(name).
#include "kernels/table.h"

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "base/text.h"

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

// Groups of one channel, or kernels of one row, are padded to whole vectors: what little a real
// network has of these may grow; megabytes of them are packed by a kernel that grows them less.
// Weights that are transformed (common/winograd.h) grow to eight times their bytes in blocks that
// are three quarters full at least: 10.7 times, and a channel more where they are read in pairs.
template <class Kernel, class Shape>
bool inflates(const Kernel&, const Shape&) {
  return false;
}
bool inflates(const ConvolutionKernel& kernel, const ConvolutionShape& s) {
  constexpr size_t unnoticed = size_t{1} << 20;
  const size_t taps = size_t(s.kernel_h) * size_t(s.kernel_w) * size_t(s.input_channels / s.groups);
  const size_t packed = kernel.packed_bytes(s);
  return packed > unnoticed && packed > 12 * size_t(s.output_channels) * (taps + sizeof(int32_t));
}

// Of a shape's tensors, those that a kernel may not know the type of.
bool has_u16(std::initializer_list<ElementType> types) {
  return std::find(types.begin(), types.end(), ElementType::u16) != types.end();
}
bool has_u16(const ConvolutionShape& s) {
  return has_u16({s.input, s.output, s.has_residual ? s.residual : s.output});
}
bool has_u16(const PoolShape& s) {
  return has_u16({s.input, s.output});
}
bool has_u16(const ElementwiseShape& s) {
  const bool has_b = s.kind != ElementwiseShape::Kind::rescale;
  return has_u16({s.a, s.output, has_b ? s.b : s.a});
}
bool has_u16(const NormalizeShape& s) {
  return has_u16({s.input, s.output});
}
bool has_u16(const MatMulShape& s) {
  return has_u16({s.a, s.b, s.output, s.has_residual ? s.residual : s.output});
}
bool has_u16(const ResizeShape& s) {
  return has_u16({s.input, s.output});
}

template <class Kernel, class Shape>
bool knows_and_accepts(const Kernel& kernel, const Shape& shape) {
  return (kernel.takes_u16 || !has_u16(shape)) && kernel.accepts(shape);
}

// The reference has no required feature and accepts every shape, so that the search
// always ends.
template <class Kernel, class Shape>
const Kernel& first_that_fits(std::span<const Kernel> rows, const Shape& shape,
                              FeatureSet allowed) {
  for (const Kernel& kernel : rows) {
    const bool runs = (kernel.requires_features & ~allowed) == 0;
    if (runs && takes(kernel, shape) && !inflates(kernel, shape)) return kernel;
  }
  return rows.back();
}

// A function that a row names, or should.
struct Part {
  const char* name;
  bool is_there;
};

Status check_row(const char* name, std::initializer_list<Part> parts) {
  if (name == nullptr) return failed("a row of a kernel table has no name");
  for (const Part& part : parts) {
    if (!part.is_there) {
      return failed(concat("the row ", quoted(name), " of a kernel table has no ", part.name,
                           ": complete it in its folder's table.cpp, or take it out"));
    }
  }
  return {};
}

// Both functions or neither.
template <class Kernel>
Part preparation(const Kernel& row) {
  return {
      row.prepare == nullptr ? "prepare for its prepared_bytes" : "prepared_bytes for its prepare",
      (row.prepare == nullptr) == (row.prepared_bytes == nullptr)};
}

Status check_row(const ConvolutionKernel& row) {
  return check_row(row.name, {{"accepts", row.accepts != nullptr},
                              {"channel_step", row.channel_step > 0},
                              {"packed_bytes", row.packed_bytes != nullptr},
                              {"pack", row.pack != nullptr},
                              preparation(row),
                              {"scratch_bytes", row.scratch_bytes != nullptr},
                              {"run", row.run != nullptr}});
}
Status check_row(const MatMulKernel& row) {
  return check_row(row.name, {{"accepts", row.accepts != nullptr},
                              preparation(row),
                              {"scratch_bytes", row.scratch_bytes != nullptr},
                              {"run", row.run != nullptr}});
}
Status check_row(const ElementwiseKernel& row) {
  return check_row(
      row.name,
      {{"accepts", row.accepts != nullptr}, preparation(row), {"run", row.run != nullptr}});
}
Status check_row(const NormalizeKernel& row) {
  return check_row(
      row.name,
      {{"accepts", row.accepts != nullptr}, preparation(row), {"run", row.run != nullptr}});
}
Status check_row(const PoolKernel& row) {
  return check_row(row.name, {{"accepts", row.accepts != nullptr}, {"run", row.run != nullptr}});
}
Status check_row(const ResizeKernel& row) {
  return check_row(row.name, {{"accepts", row.accepts != nullptr}, {"run", row.run != nullptr}});
}

template <class Kernel>
Status check_rows(std::span<const Kernel> rows) {
  for (const Kernel& row : rows) {
    if (Status whole = check_row(row); !whole) return whole;
  }
  return {};
}

}  // namespace

Status check(const KernelTable& table) {
  for (Status whole :
       {check_rows(table.convolutions), check_rows(table.pools), check_rows(table.elementwises),
        check_rows(table.normalizes), check_rows(table.matmuls), check_rows(table.resizes)}) {
    if (!whole) return whole;
  }
  return {};
}

Status check_tables() {
  for (const auto folder : folders) {
    if (Status whole = check(folder()); !whole) return whole;
  }
  return {};
}

bool takes(const ConvolutionKernel& kernel, const ConvolutionShape& shape) {
  return knows_and_accepts(kernel, shape);
}
bool takes(const PoolKernel& kernel, const PoolShape& shape) {
  return knows_and_accepts(kernel, shape);
}
bool takes(const ElementwiseKernel& kernel, const ElementwiseShape& shape) {
  return knows_and_accepts(kernel, shape);
}
bool takes(const NormalizeKernel& kernel, const NormalizeShape& shape) {
  return knows_and_accepts(kernel, shape);
}
bool takes(const MatMulKernel& kernel, const MatMulShape& shape) {
  const bool knows_right = kernel.takes_any_right || shape.b == ElementType::i8;
  return knows_right && knows_and_accepts(kernel, shape);
}
bool takes(const ResizeKernel& kernel, const ResizeShape& shape) {
  return knows_and_accepts(kernel, shape);
}

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
