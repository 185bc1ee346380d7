// A plan made ready for one ISA: each step with its kernel and what all runs of it share. Constant;
// sessions add addresses.
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
  kernels::ConvolutionConstants constants;
  const kernels::ConvolutionKernel* kernel = nullptr;
  int32_t dilated_rows = 1;  // (kernel_h - 1) * dilation_h + 1
  int32_t pad_top = 0, pad_left = 0;
  bool is_flat = false;  // run as one row
};

struct PreparedPool {
  kernels::PoolConstants constants;
  const kernels::PoolKernel* kernel = nullptr;
  const int32_t *row_begin = nullptr, *row_end = nullptr, *row_count = nullptr;
  double window_pixels = 1;  // at most
};

struct PreparedElementwise {
  kernels::ElementwiseConstants constants;
  const kernels::ElementwiseKernel* kernel = nullptr;
};

struct PreparedNormalize {
  kernels::NormalizeConstants constants;
  const kernels::NormalizeKernel* kernel = nullptr;
};

struct PreparedMatMul {
  kernels::MatMulConstants constants;
  const kernels::MatMulKernel* kernel = nullptr;
};

struct PreparedResize {
  kernels::ResizeConstants constants;
  const kernels::ResizeKernel* kernel = nullptr;
  std::vector<int32_t> row, next_row;
  const int32_t* row_weight = nullptr;
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
  runtime::Layout whole_layout;  // without chains, for who looks at each step; empty: as it is
  runtime::ConstantPool constants{charge};
  std::vector<runtime::PreparedStep> steps;
  size_t scratch_bytes = 0;  // of one thread, for kernels

  // That of a session of so many threads: without chains where these would make too much twice.
  const runtime::Layout& layout_for(int threads) const;
};

}  // namespace octavo

namespace octavo::runtime {

// Fills impl.steps and the constants; the plan has passed verify(). First it goes through all
// steps counting alone, so that a plan is refused before any of it is allocated; then it lets each
// convolution's weights go as soon as they are packed.
void prepare_steps(Program::Impl& impl);

}  // namespace octavo::runtime
