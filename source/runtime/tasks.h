// A session's work list: every kernel call of a run with all its addresses, made once.
// Each step is cut into at most one piece a thread, by rows, columns or channels;
// the bits do not depend on the cut.
#pragma once

#include <cstddef>
#include <deque>
#include <variant>
#include <vector>

#include "runtime/move.h"
#include "runtime/prepared.h"

namespace octavo::runtime {

// A call of a kernel.
template <class Arguments>
struct KernelTask {
  void (*run)(const Arguments&);
  Arguments arguments;
};
using ConvolutionTask = KernelTask<kernels::ConvolutionArguments>;
using PoolTask = KernelTask<kernels::PoolArguments>;
using ElementwiseTask = KernelTask<kernels::ElementwiseArguments>;
using NormalizeTask = KernelTask<kernels::NormalizeArguments>;
using MatMulTask = KernelTask<kernels::MatMulArguments>;
using ResizeTask = KernelTask<kernels::ResizeArguments>;

struct CopyTask {
  PixelRows rows;
  ptrdiff_t bytes = 0;
};
struct GatherTask {
  PixelRows rows;
  const GatherChannels* channels = nullptr;
  int32_t element_bytes = 1;
};
struct LookupTask {
  PixelRows rows;
  const LookupTables* tables = nullptr;
};
struct ReshapeTask {
  const std::byte* x = nullptr;
  std::byte* y = nullptr;
  const TensorLayout *x_layout = nullptr, *y_layout = nullptr;
};
struct PermuteTask {
  const std::byte* x = nullptr;
  std::byte* y = nullptr;
  const TensorLayout *x_layout = nullptr, *y_layout = nullptr;
  const Permutation* order = nullptr;
  ptrdiff_t begin = 0, end = 0;  // runs
};

using Work =
    std::variant<ConvolutionTask, PoolTask, ElementwiseTask, CopyTask, GatherTask, LookupTask,
                 ReshapeTask, NormalizeTask, MatMulTask, ResizeTask, PermuteTask, HaloRows>;

// What one thread does for one step; or for a chain of them, at the place of its last.
struct Piece {
  std::vector<Work> work;
  HaloRows halo;  // of the output, in this piece's rows
};

struct StepTasks {
  std::vector<Piece> pieces;
  // One piece, done by the first thread: too little work to share.
  bool is_alone() const { return pieces.size() <= 1; }
};

struct Tasks {
  std::vector<StepTasks> steps;
  HaloRows input_halo;
  // Row tables; their addresses stay.
  std::deque<std::vector<const std::byte*>> read_tables;
  std::deque<std::vector<std::byte*>> write_tables;
};

// layout: one of the program's. arena: of its arena_bytes. scratch: of thread_bytes(), one for each
// thread. All that is made is added to `charge` first.
Tasks make_tasks(const Program::Impl& program, const Layout& layout, std::byte* arena,
                 const std::vector<std::byte*>& scratch, Charge& charge);

// What a thread needs for itself: kernels' scratch, then the rings of a chain.
size_t thread_bytes(const Program::Impl& program, const Layout& layout);

void run_piece(const Piece& piece);

}  // namespace octavo::runtime
