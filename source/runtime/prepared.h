// A plan made ready for one ISA: each step with its kernel, packed weights and
// per-channel arrays. Constant; sessions add addresses.
#pragma once

#include <variant>
#include <vector>

#include "kernels/kernel.h"
#include "runtime/layout.h"
#include "runtime/memory.h"
#include "runtime/move.h"
#include "runtime/permute.h"
#include "runtime/program.h"

namespace octavo::runtime {

struct PreparedConvolution {
  kernels::ConvolutionShape shape;
  const kernels::ConvolutionKernel* kernel = nullptr;
  const std::byte* packed = nullptr;
  kernels::EpilogueArrays epilogue;
  int32_t dilated_rows = 1;  // (kernel_h - 1) * dilation_h + 1
  int32_t pad_top = 0, pad_left = 0;
  bool is_flat = false;  // run as one row
};

struct PreparedPool {
  kernels::PoolShape shape;
  const kernels::PoolKernel* kernel = nullptr;
  kernels::EpilogueArrays epilogue;
  const int32_t* input_zero = nullptr;
  const int32_t *row_begin = nullptr, *row_end = nullptr, *row_count = nullptr;
  const int32_t *column_begin = nullptr, *column_end = nullptr, *column_count = nullptr;
  double window_pixels = 1;  // at most
};

struct PreparedElementwise {
  kernels::ElementwiseShape shape;
  const kernels::ElementwiseKernel* kernel = nullptr;
  kernels::EpilogueArrays epilogue;
  const int32_t *a_zero = nullptr, *b_zero = nullptr;
  const float *b_multiplier = nullptr, *offset = nullptr;
};

struct PreparedNormalize {
  kernels::NormalizeShape shape;
  const kernels::NormalizeKernel* kernel = nullptr;
  kernels::EpilogueArrays epilogue;
  int32_t input_zero = 0;
  float least = 0;
  const float* offset = nullptr;
  const uint16_t *coarse = nullptr, *fine = nullptr;
};

struct PreparedMatMul {
  kernels::MatMulShape shape;
  const kernels::MatMulKernel* kernel = nullptr;
  kernels::EpilogueArrays epilogue;
  int32_t a_zero = 0, b_zero = 0;
};

struct PreparedResize {
  kernels::ResizeShape shape;
  const kernels::ResizeKernel* kernel = nullptr;
  kernels::EpilogueArrays epilogue;
  const int32_t* input_zero = nullptr;
  std::vector<int32_t> row, next_row;
  const int32_t *row_weight = nullptr, *column = nullptr, *next_column = nullptr,
                *column_weight = nullptr;
};

struct PreparedPermute {
  Permutation order;
};

struct PreparedConstant {
  const std::byte* values = nullptr;  // row-major in the output's type
};

struct PreparedLookup {
  LookupTables tables;
};

// Stored values that only move: Gather, Concat and Reshape.
struct PreparedMove {
  enum class Kind { gather, concat, reshape } kind = Kind::concat;
  GatherChannels channels;  // gather only
};

using PreparedStep = std::variant<PreparedConvolution, PreparedPool, PreparedElementwise,
                                  PreparedNormalize, PreparedMatMul, PreparedResize,
                                  PreparedPermute, PreparedConstant, PreparedLookup, PreparedMove>;

}  // namespace octavo::runtime

namespace octavo {

struct Program::Impl {
  explicit Impl(size_t most_memory) : memory(most_memory) {}

  mutable runtime::Budget memory;  // of this program and its sessions
  runtime::Charge charge{memory};  // the program's share
  size_t proportionate_bytes = 0;  // see proportion.h
  Plan plan;
  std::string isa;
  FeatureSet features = 0;
  runtime::Layout layout;
  runtime::ConstantPool constants{charge};
  std::vector<runtime::PreparedStep> steps;
  size_t scratch_bytes = 0;  // of one thread
};

}  // namespace octavo

namespace octavo::runtime {

// Fills impl.steps and the constants; the plan has passed verify(). First it goes through all
// steps counting alone, so that a plan is refused before any of it is allocated.
void prepare_steps(Program::Impl& impl);

}  // namespace octavo::runtime
