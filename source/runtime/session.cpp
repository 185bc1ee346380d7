#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <new>

#include "base/float_mode.h"
#include "base/text.h"
#include "runtime/float_input.h"
#include "runtime/program.h"
#include "runtime/schedule.h"
#include "runtime/tasks.h"
#include "runtime/team.h"

namespace octavo {

using runtime::TensorLayout;

namespace {

constexpr int most_threads = 1024;

// Called on the caller's thread after each step, when all threads are done with it.
struct StepHook {
  void (*call)(void* context, size_t step) = nullptr;
  void* context = nullptr;
};

}  // namespace

struct Session::Impl {
  explicit Impl(std::shared_ptr<const Program> of)
      : program(std::move(of)), charge(program->impl().memory) {}

  std::shared_ptr<const Program> program;
  runtime::Charge charge;  // this session's share of the program's budget
  runtime::Arena arena;    // the tensors, then the scratch of each thread
  std::byte* tensor_base = nullptr;
  runtime::Tasks tasks;
  StepHook hook;  // of the run in progress
  SessionOptions::Parallel parallel = nullptr;
  void* parallel_context = nullptr;
  std::unique_ptr<runtime::Schedule> schedule;  // null with one thread, as the team is
  std::unique_ptr<runtime::Team> team;          // last, so that it ends first

  const Program::Impl& prepared() const { return program->impl(); }
  const TensorLayout& layout(uint32_t tensor) const { return prepared().layout.tensors[tensor]; }
  std::byte* pixels(uint32_t tensor) const { return tensor_base + layout(tensor).offset; }

  Status check_call(size_t input_entries, size_t expected_entries, size_t logits) const;
  void copy_input(const std::byte* input);
  void run_steps() const;
  void run_steps_shared(size_t thread) const;
  void run_steps_by_caller() const;
  void run(std::span<float> logits, StepHook hook);
  void copy_output(size_t step, std::byte* to) const;
};

namespace {

size_t input_elements(const Plan& plan) {
  const auto& shape = plan.tensors[plan.input].shape;
  return size_t(shape[1]) * size_t(shape[2]) * size_t(shape[3]);
}

size_t input_bytes(const Plan& plan) {
  return input_elements(plan) * size_t(runtime::element_size(plan.tensors[plan.input].type));
}

size_t classes(const Plan& plan) {
  return size_t(plan.tensors[plan.output].shape[3]);
}

// Of the tensors, and of each thread's scratch.
std::vector<size_t> part_sizes(const Program::Impl& prepared, int threads) {
  std::vector<size_t> sizes(1 + static_cast<size_t>(threads), prepared.scratch_bytes);
  sizes[0] = prepared.layout.arena_bytes;
  return sizes;
}

Status check_memory(const Program& program, const SessionOptions& options) {
  const size_t needed = Session::memory_bytes(program, options.threads);
  if (options.memory.size() < needed) {
    return usage_error(concat("a session of ", options.threads, " threads needs ", needed,
                              " bytes of memory; the caller gives ", options.memory.size()));
  }
  if (reinterpret_cast<uintptr_t>(options.memory.data()) % 64 != 0) {
    return usage_error("the caller's memory for a session is not aligned to 64 bytes");
  }
  return {};
}

Result<std::unique_ptr<Session>> create_session(std::shared_ptr<const Program> program,
                                                const SessionOptions& options) {
  const Program::Impl& prepared = program->impl();
  const int threads = options.threads;
  const std::vector<size_t> sizes = part_sizes(prepared, threads);
  if (!options.memory.empty()) {
    if (const Status fits = check_memory(*program, options); !fits) return fits.error();
  }
  auto impl = std::make_unique<Session::Impl>(std::move(program));
  // Each thread has scratch and row tables of its own.
  impl->charge.bound(prepared.proportionate_bytes * static_cast<size_t>(threads));
  if (options.memory.empty()) {
    impl->charge.add(runtime::Arena::mapped_bytes(sizes));
    Result<runtime::Arena> arena = runtime::Arena::map(sizes);
    if (!arena) return arena.error();
    impl->arena = *std::move(arena);
  } else {
    impl->arena = runtime::Arena::place(sizes, options.memory);
  }
  impl->tensor_base = impl->arena.part(0);
  std::vector<std::byte*> scratch;
  for (size_t i = 1; i < sizes.size(); ++i) scratch.push_back(impl->arena.part(i));
  impl->tasks = runtime::make_tasks(prepared, impl->tensor_base, scratch, impl->charge);
  impl->parallel = options.parallel;
  impl->parallel_context = options.parallel_context;
  if (threads > 1 && options.parallel == nullptr) {
    const int spins = runtime::spins_for(threads, options.wait == SessionOptions::Wait::passive);
    std::vector<uint32_t> pieces;
    for (const runtime::StepTasks& step : impl->tasks.steps) {
      pieces.push_back(static_cast<uint32_t>(step.pieces.size()));
    }
    impl->schedule = std::make_unique<runtime::Schedule>(pieces, spins);
    auto team = runtime::Team::start(threads, spins, [self = impl.get()](int thread) {
      self->run_steps_shared(static_cast<size_t>(thread));
    });
    if (!team) return team.error();
    impl->team = *std::move(team);
  }
  return std::make_unique<Session>(std::move(impl));
}

}  // namespace

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const Program> program,
                                                 const SessionOptions& options) {
  if (options.threads < 1 || options.threads > most_threads) {
    return usage_error(
        concat("a session has 1 to ", most_threads, " threads, not ", options.threads));
  }
  try {
    return create_session(std::move(program), options);
  } catch (const runtime::OverBudget& over) {
    return runtime::to_error(over);
  } catch (const std::bad_alloc&) {
    return unsupported("this machine has not enough memory for a session");
  }
}

size_t Session::memory_bytes(const Program& program, int threads) {
  return runtime::Arena::placed_bytes(part_sizes(program.impl(), threads));
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

const Program& Session::program() const {
  return *impl_->program;
}

Status Session::Impl::check_call(size_t given, size_t expected, size_t logits) const {
  const Plan& plan = prepared().plan;
  if (team && team->was_forked()) {
    return usage_error(
        "a session of several threads was used in a fork of the process that made it, where its "
        "threads are not: make a session after the fork, or one of one thread before");
  }
  if (given != expected) {
    return usage_error(concat("the input has ", given, " entries; the plan's input ",
                              list_text(plan.tensors[plan.input].shape), " has ", expected));
  }
  if (logits != classes(plan)) {
    return usage_error(
        concat("there is room for ", logits, " logits; the plan has ", classes(plan)));
  }
  return {};
}

void Session::Impl::copy_input(const std::byte* input) {
  const uint32_t tensor = prepared().plan.input;
  const TensorLayout& to = layout(tensor);
  runtime::PixelRows rows;
  rows.x = input;
  rows.y = pixels(tensor);
  rows.x_pixel_bytes = to.channel_bytes();
  rows.x_row_bytes = to.width * to.channel_bytes();
  rows.y_pixel_bytes = to.pixel_bytes;
  rows.y_row_bytes = to.row_bytes;
  rows.rows = to.height;
  rows.width = to.width;
  runtime::copy_pixels(rows, to.channel_bytes());
}

void Session::Impl::run_steps() const {
  for (size_t i = 0; i < tasks.steps.size(); ++i) {
    for (const runtime::Piece& piece : tasks.steps[i].pieces) runtime::run_piece(piece);
    if (hook.call != nullptr) hook.call(hook.context, i);
  }
}

// The first thread alone does the steps that are not shared, and is through when the run is.
void Session::Impl::run_steps_shared(size_t thread) const {
  const bool is_first = thread == 0, hooked = schedule->is_hooked();
  const uint32_t run = schedule->run();
  uint32_t unsaid = 0;  // pieces of steps that were not shared, done and not said to be
  const std::vector<runtime::StepTasks>& steps = tasks.steps;
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::vector<runtime::Piece>& pieces = steps[i].pieces;
    const auto count = static_cast<uint32_t>(pieces.size());
    if (steps[i].is_alone()) {
      if (!is_first) continue;
      if (i > 0 && !steps[i - 1].is_alone()) schedule->reach(run, i);
      for (const runtime::Piece& piece : pieces) runtime::run_piece(piece);
      unsaid += count;
      const bool is_awaited = hooked || i + 1 == steps.size() || !steps[i + 1].is_alone();
      if (is_awaited && unsaid > 0) schedule->finish(i, std::exchange(unsaid, 0));
    } else if (schedule->reach(run, i)) {
      for (size_t k = 0; k < count && thread < count; ++k) {
        const size_t piece = (thread + k) % count;  // its own first
        if (!schedule->take(run, i, piece)) continue;
        runtime::run_piece(pieces[piece]);
        schedule->finish(i, 1);
      }
    }
    if (!hooked || !is_first) continue;
    schedule->await(i, count);
    hook.call(hook.context, i);
    schedule->finish(i, 1);
  }
  if (is_first && !steps.empty() && !hooked) {
    schedule->await(steps.size() - 1, static_cast<uint32_t>(steps.back().pieces.size()));
  }
}

// The caller's threads do not wait for each other inside a step: they may be fewer than parts.
void Session::Impl::run_steps_by_caller() const {
  using Pieces = std::vector<runtime::Piece>;
  const auto part = [](void* work, int32_t index) {
    const FloatMode mode;
    runtime::run_piece((*static_cast<const Pieces*>(work))[static_cast<size_t>(index)]);
  };
  for (size_t i = 0; i < tasks.steps.size(); ++i) {
    const Pieces& pieces = tasks.steps[i].pieces;
    if (pieces.size() == 1) {
      runtime::run_piece(pieces.front());
    } else if (!pieces.empty()) {
      parallel(parallel_context, static_cast<int32_t>(pieces.size()), part,
               const_cast<Pieces*>(&pieces));
    }
    if (hook.call != nullptr) hook.call(hook.context, i);
  }
}

void Session::Impl::run(std::span<float> logits, StepHook step_hook) {
  if (tasks.input_halo.pixels > 0) runtime::fill_halo(tasks.input_halo);
  hook = step_hook;
  if (team) {
    schedule->begin(hook.call != nullptr);
    team->run();
  } else if (parallel != nullptr) {
    run_steps_by_caller();
  } else {
    run_steps();
  }
  std::memcpy(logits.data(), pixels(prepared().plan.output), logits.size_bytes());
}

// Row-major without padding.
void Session::Impl::copy_output(size_t step, std::byte* to) const {
  const uint32_t tensor = prepared().plan.steps[step].output;
  const TensorLayout& from = layout(tensor);
  runtime::PixelRows rows;
  rows.x = pixels(tensor);
  rows.y = to;
  rows.x_pixel_bytes = from.pixel_bytes;
  rows.x_row_bytes = from.row_bytes;
  rows.y_pixel_bytes = from.channel_bytes();
  rows.y_row_bytes = from.width * from.channel_bytes();
  rows.rows = from.height;
  rows.width = from.width;
  runtime::copy_pixels(rows, from.channel_bytes());
}

Status Session::run(std::span<const std::byte> input, std::span<float> logits) {
  const Status fits = impl_->check_call(input.size(), input_bytes(program().plan()), logits.size());
  if (!fits) return fits;
  const FloatMode mode;
  impl_->copy_input(input.data());
  impl_->run(logits, {});
  return {};
}

Status Session::run_float(std::span<const float> input, std::span<float> logits) {
  const Plan& plan = program().plan();
  const Status fits = impl_->check_call(input.size(), input_elements(plan), logits.size());
  if (!fits) return fits;
  const auto nan = std::find_if(input.begin(), input.end(), [](float x) { return x != x; });
  if (nan != input.end()) {
    return rejected(concat("value ", nan - input.begin(), " of the input is NaN"));
  }
  const FloatMode mode;
  runtime::quantize_input(plan, input, impl_->layout(plan.input), impl_->pixels(plan.input));
  impl_->run(logits, {});
  return {};
}

Status Session::run_observed(std::span<const std::byte> input, std::span<float> logits,
                             const Observer& observer) {
  const Status fits = impl_->check_call(input.size(), input_bytes(program().plan()), logits.size());
  if (!fits) return fits;
  struct Context {
    const Impl& session;
    const Observer& observer;
    std::vector<std::byte> output;
    std::exception_ptr thrown;

    void observe(size_t step) {
      const TensorLayout& y = session.layout(session.prepared().plan.steps[step].output);
      output.resize(size_t(y.height) * size_t(y.width) * size_t(y.channel_bytes()));
      session.copy_output(step, output.data());
      observer(step, output);
    }
  } context{*impl_, observer, {}, {}};
  // The other threads wait at the next step: what is thrown waits until all are through.
  const auto call = [](void* pointer, size_t step) {
    auto& c = *static_cast<Context*>(pointer);
    if (c.thrown) return;
    try {
      c.observe(step);
    } catch (...) {
      c.thrown = std::current_exception();
    }
  };
  const FloatMode mode;
  impl_->copy_input(input.data());
  impl_->run(logits, {call, &context});
  if (context.thrown) std::rethrow_exception(context.thrown);
  return {};
}

Status Session::run_timed(std::span<const std::byte> input, std::span<float> logits,
                          std::span<uint64_t> step_ns) {
  const Status fits = impl_->check_call(input.size(), input_bytes(program().plan()), logits.size());
  if (!fits) return fits;
  if (step_ns.size() != program().plan().steps.size()) {
    return usage_error(concat("there is room for the times of ", step_ns.size(),
                              " steps; the plan has ", program().plan().steps.size()));
  }
  using Clock = std::chrono::steady_clock;
  struct Context {
    std::span<uint64_t> step_ns;
    Clock::time_point last;
  };
  const auto call = [](void* pointer, size_t step) {
    auto& c = *static_cast<Context*>(pointer);
    const Clock::time_point now = Clock::now();
    c.step_ns[step] += static_cast<uint64_t>(std::chrono::nanoseconds(now - c.last).count());
    c.last = Clock::now();
  };
  const FloatMode mode;
  impl_->copy_input(input.data());
  Context context{step_ns, Clock::now()};
  impl_->run(logits, {call, &context});
  return {};
}

}  // namespace octavo
