// Executes a plan. A Program is a plan made ready for one ISA: kernels chosen,
// weights packed, tensors placed; immutable and shared by any number of sessions.
// A Session owns the memory of one frame in flight.
//
// After Session::create a run with one thread does no allocation, no lock and no
// system call. The bits of the result do not depend on ISA, threads or placement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/output_kind.h"
#include "base/result.h"
#include "kernels/isa.h"
#include "plan/plan.h"
#include "runtime/depth_first.h"

namespace octavo {

class Program {
 public:
  // isa: a name of isa_names() (any other is a usage error), or "" for OCTAVO_ISA or else the best
  // this machine has. An ISA that this machine cannot run is `unsupported`, naming those it can.
  // The plan is verified by its loader; a plan made in memory must have passed verify().
  // most_memory: bytes that the program and all its sessions may take together; 0: what the machine
  // has free now. More than that is `unsupported`, and a plan out of all proportion `rejected`: one
  // whose program and session of one thread would take more than 12 times what it holds, 4 times
  // what its tensors need without padding, and 16 MiB. Both before anything of that size is
  // allocated.
  static Result<std::shared_ptr<const Program>> prepare(Plan plan, const std::string& isa = "",
                                                        size_t most_memory = 0,
                                                        const DepthFirst& depth_first = {});

  // Without the weights and biases of its convolutions: once packed, they are let go.
  const Plan& plan() const;
  const std::string& isa() const;
  size_t arena_bytes() const;
  size_t weight_bytes() const;                 // packed weights and per-channel arrays
  const char* kernel_name(size_t step) const;  // which kernel runs a step

  struct Impl;
  explicit Program(std::unique_ptr<Impl> impl);
  ~Program();
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// How a session runs a frame. No bit of an answer depends on it.
struct SessionOptions {
  // Between steps, threads wait for the slowest: awake, for up to 200 us where each has a core of
  // its own; or passively, asleep at once, which leaves the cores to others and takes longer.
  enum class Wait : uint8_t { spin, passive };
  // Calls part(work, i) for every i in 0 .. parts - 1, on any threads at any time, and returns when
  // all have returned.
  using Parallel = void (*)(void* context, int32_t parts, void (*part)(void* work, int32_t index),
                            void* work);

  int threads = 1;  // that share the frame: 1 to 1024
  Wait wait = Wait::spin;
  // Memory of the caller's for tensors and scratch, 64-byte aligned, at least
  // Session::memory_bytes() and as long as the session lives; empty: of the session's own, with
  // traps between its parts.
  std::span<std::byte> memory = {};
  // Threads of the caller's, once a step that is worth sharing; null: of the session's own.
  Parallel parallel = nullptr;
  void* parallel_context = nullptr;
};

class Session {
 public:
  // A session is used by one caller at a time. In a process that was forked after its creation a
  // session of one thread goes on; the calls of one with threads of its own are usage errors.
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<const Program> program,
                                                 const SessionOptions& options = {});
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<const Program> program,
                                                 int threads) {
    return create(std::move(program), SessionOptions{.threads = threads});
  }
  // Of SessionOptions::memory.
  static size_t memory_bytes(const Program& program, int threads);
  ~Session();

  const Program& program() const;

  // input: the plan's input tensor, row-major [1, h, w, c], u8 (or i16 or u16 where the
  // plan says so), exactly its size. logits: as many floats as classes.
  Status run(std::span<const std::byte> input, std::span<float> logits);

  // The same from a float tensor [1, h, w, c]: enters as numerics.md says. NaN is `rejected`.
  Status run_float(std::span<const float> input, std::span<float> logits);

  // The same as run, and after each step its stored output, row-major without
  // padding, in the plan's order of steps. For tests, reports and `compare`. What the observer
  // throws reaches the caller after the frame is done. Of a program some of whose steps run depth
  // first, the first run that is observed or timed allocates a frame of whole maps, beside the
  // caller's memory too, and is refused where there is no memory for it.
  using Observer = std::function<void(size_t step, std::span<const std::byte> output)>;
  Status run_observed(std::span<const std::byte> input, std::span<float> logits,
                      const Observer& observer);

  // The same as run, adding each step's nanoseconds to `step_ns` (one entry a step); over whole
  // maps, as run_observed.
  Status run_timed(std::span<const std::byte> input, std::span<float> logits,
                   std::span<uint64_t> step_ns);

  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

// Input noise for golden checks: bytes from a seed, defined in numerics.md.
std::vector<std::byte> golden_input(const Plan& plan, uint64_t seed);
// XXH3-64 of the logits' little-endian bytes.
uint64_t logits_digest(std::span<const float> logits);

// softmax(logits) without libm (numerics.md), and the k largest, ties to the lower index.
struct Score {
  int32_t index = 0;
  float logit = 0, score = 0;
};
std::vector<Score> top_scores(std::span<const float> logits, int k);

// The score of every class or label that the outputs of a network speak of, by index, and the
// k best of them (numerics.md, "Logits and scores"): score_count(outputs.size()) at most.
std::vector<Score> all_scores(OutputKind kind, std::span<const float> outputs);
std::vector<Score> top_scores(OutputKind kind, std::span<const float> outputs, int k);

// 1 / (1 + exp(-logit)) without libm.
float sigmoid_score(float logit);

}  // namespace octavo
