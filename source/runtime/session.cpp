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

// The tensors of a frame in flight and the work on them.
struct Frame {
  const runtime::Layout* layout = nullptr;
  runtime::Arena arena;  // the tensors, then what each thread needs for itself
  std::byte* tensor_base = nullptr;
  runtime::Tasks tasks;
  std::unique_ptr<runtime::Schedule> schedule;  // null where there is no team

  const TensorLayout& of(uint32_t tensor) const { return layout->tensors[tensor]; }
  std::byte* pixels(uint32_t tensor) const { return tensor_base + of(tensor).offset; }

  void copy_input(uint32_t tensor, const std::byte* input) const;
  void copy_output(uint32_t tensor, std::byte* to) const;
};

}  // namespace

struct Session::Impl {
  Impl(std::shared_ptr<const Program> of, const SessionOptions& with)
      : program(std::move(of)), options(with), charge(program->impl().memory) {}

  std::shared_ptr<const Program> program;
  const SessionOptions options;
  runtime::Charge charge;  // this session's share of the program's budget
  Frame frame;
  struct Whole {
    runtime::Charge charge;
    Frame frame;
  };
  std::unique_ptr<Whole> whole;  // for hooks where steps run depth first; made when it is needed
  StepHook hook;                 // of the run in progress
  std::atomic<const Frame*> running{&frame};
  std::unique_ptr<runtime::Team> team;  // null with one thread; last, so that it ends first

  const Program::Impl& prepared() const { return program->impl(); }

  Status check_call(size_t input_entries, size_t expected_entries, size_t logits) const;
  Result<Frame> make_frame(const runtime::Layout& layout, std::span<std::byte> memory,
                           runtime::Charge& account) const;
  Result<const Frame*> frame_for_hooks();
  void run_steps(const Frame& in) const;
  void run_steps_shared(size_t thread) const;
  void run_steps_by_caller(const Frame& in) const;
  void run(const Frame& in, std::span<float> logits, StepHook hook);
};

namespace {

size_t input_elements(const Plan& plan) {
  const auto& shape = plan.tensors[plan.input].shape;
  return size_t(shape[1]) * size_t(shape[2]) * size_t(shape[3]);
}

size_t input_bytes(const Plan& plan) {
  return input_elements(plan) * size_t(element_size(plan.tensors[plan.input].type));
}

size_t classes(const Plan& plan) {
  return size_t(plan.tensors[plan.output].shape[3]);
}

// Of the tensors, and of what each thread needs for itself.
std::vector<size_t> part_sizes(const Program::Impl& prepared, const runtime::Layout& layout,
                               int threads) {
  std::vector<size_t> sizes(1 + static_cast<size_t>(threads),
                            runtime::thread_bytes(prepared, layout));
  sizes[0] = layout.arena_bytes;
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
  if (!options.memory.empty()) {
    if (const Status fits = check_memory(*program, options); !fits) return fits.error();
  }
  auto impl = std::make_unique<Session::Impl>(std::move(program), options);
  // Each thread has scratch and row tables of its own.
  impl->charge.bound(prepared.proportionate_bytes * static_cast<size_t>(threads));
  Result<Frame> frame =
      impl->make_frame(prepared.layout_for(threads), options.memory, impl->charge);
  if (!frame) return frame.error();
  impl->frame = *std::move(frame);
  if (impl->frame.schedule) {
    const int spins = runtime::spins_for(threads, options.wait == SessionOptions::Wait::passive);
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
  return runtime::within_memory("a session",
                                [&] { return create_session(std::move(program), options); });
}

// memory: the caller's, or none.
Result<Frame> Session::Impl::make_frame(const runtime::Layout& layout, std::span<std::byte> memory,
                                        runtime::Charge& account) const {
  const std::vector<size_t> sizes = part_sizes(prepared(), layout, options.threads);
  Frame made;
  made.layout = &layout;
  if (memory.empty()) {
    account.add(runtime::Arena::mapped_bytes(sizes));
    Result<runtime::Arena> arena = runtime::Arena::map(sizes);
    if (!arena) return arena.error();
    made.arena = *std::move(arena);
  } else {
    made.arena = runtime::Arena::place(sizes, memory);
  }
  made.tensor_base = made.arena.part(0);
  std::vector<std::byte*> own;
  for (size_t i = 1; i < sizes.size(); ++i) own.push_back(made.arena.part(i));
  made.tasks = runtime::make_tasks(prepared(), layout, made.tensor_base, own, account);
  if (options.threads > 1 && options.parallel == nullptr) {
    const bool passive = options.wait == SessionOptions::Wait::passive;
    std::vector<uint32_t> pieces;
    for (const runtime::StepTasks& step : made.tasks.steps) {
      pieces.push_back(static_cast<uint32_t>(step.pieces.size()));
    }
    made.schedule =
        std::make_unique<runtime::Schedule>(pieces, runtime::spins_for(options.threads, passive));
  }
  return made;
}

Result<const Frame*> Session::Impl::frame_for_hooks() {
  if (frame.layout->chains.empty()) return &frame;
  if (whole) return &whole->frame;
  return runtime::within_memory("each step's output", [&]() -> Result<const Frame*> {
    // As much as a session without chains has a claim to; given back where it does not come about.
    const size_t most = prepared().proportionate_bytes * static_cast<size_t>(options.threads);
    std::unique_ptr<Whole> made(new Whole{runtime::Charge(prepared().memory, most), {}});
    Result<Frame> of_maps = make_frame(prepared().whole_layout, {}, made->charge);
    if (!of_maps) return of_maps.error();
    made->frame = *std::move(of_maps);
    whole = std::move(made);
    return &whole->frame;
  });
}

size_t Session::memory_bytes(const Program& program, int threads) {
  return runtime::Arena::placed_bytes(
      part_sizes(program.impl(), program.impl().layout_for(threads), threads));
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

void Frame::copy_input(uint32_t tensor, const std::byte* input) const {
  const TensorLayout& to = of(tensor);
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

void Session::Impl::run_steps(const Frame& in) const {
  for (size_t i = 0; i < in.tasks.steps.size(); ++i) {
    for (const runtime::Piece& piece : in.tasks.steps[i].pieces) runtime::run_piece(piece);
    if (hook.call != nullptr) hook.call(hook.context, i);
  }
}

// The first thread alone does the steps that are not shared, and is through when the run is.
void Session::Impl::run_steps_shared(size_t thread) const {
  const Frame& in = *running.load(std::memory_order_acquire);
  runtime::Schedule& schedule = *in.schedule;
  const bool is_first = thread == 0, hooked = schedule.is_hooked();
  const uint32_t run = schedule.run();
  uint32_t unsaid = 0;  // pieces of steps that were not shared, done and not said to be
  const std::vector<runtime::StepTasks>& steps = in.tasks.steps;
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::vector<runtime::Piece>& pieces = steps[i].pieces;
    const auto count = static_cast<uint32_t>(pieces.size());
    if (steps[i].is_alone()) {
      if (!is_first) continue;
      if (i > 0 && !steps[i - 1].is_alone()) schedule.reach(run, i);
      for (const runtime::Piece& piece : pieces) runtime::run_piece(piece);
      unsaid += count;
      const bool is_awaited = hooked || i + 1 == steps.size() || !steps[i + 1].is_alone();
      if (is_awaited && unsaid > 0) schedule.finish(i, std::exchange(unsaid, 0));
    } else if (schedule.reach(run, i)) {
      for (size_t k = 0; k < count && thread < count; ++k) {
        const size_t piece = (thread + k) % count;  // its own first
        if (!schedule.take(run, i, piece)) continue;
        runtime::run_piece(pieces[piece]);
        schedule.finish(i, 1);
      }
    }
    if (!hooked || !is_first) continue;
    schedule.await(i, count);
    hook.call(hook.context, i);
    schedule.finish(i, 1);
  }
  if (is_first && !steps.empty() && !hooked) {
    schedule.await(steps.size() - 1, static_cast<uint32_t>(steps.back().pieces.size()));
  }
}

// The caller's threads do not wait for each other inside a step: they may be fewer than parts.
void Session::Impl::run_steps_by_caller(const Frame& in) const {
  using Pieces = std::vector<runtime::Piece>;
  const auto part = [](void* work, int32_t index) {
    const FloatMode mode;
    runtime::run_piece((*static_cast<const Pieces*>(work))[static_cast<size_t>(index)]);
  };
  for (size_t i = 0; i < in.tasks.steps.size(); ++i) {
    const Pieces& pieces = in.tasks.steps[i].pieces;
    if (pieces.size() == 1) {
      runtime::run_piece(pieces.front());
    } else if (!pieces.empty()) {
      options.parallel(options.parallel_context, static_cast<int32_t>(pieces.size()), part,
                       const_cast<Pieces*>(&pieces));
    }
    if (hook.call != nullptr) hook.call(hook.context, i);
  }
}

void Session::Impl::run(const Frame& in, std::span<float> logits, StepHook step_hook) {
  if (in.tasks.input_halo.pixels > 0) runtime::fill_halo(in.tasks.input_halo);
  hook = step_hook;
  if (team) {
    running.store(&in, std::memory_order_release);
    in.schedule->begin(hook.call != nullptr);
    team->run();
  } else if (options.parallel != nullptr) {
    run_steps_by_caller(in);
  } else {
    run_steps(in);
  }
  std::memcpy(logits.data(), in.pixels(prepared().plan.output), logits.size_bytes());
}

// Row-major without padding.
void Frame::copy_output(uint32_t tensor, std::byte* to) const {
  const TensorLayout& from = of(tensor);
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
  impl_->frame.copy_input(program().plan().input, input.data());
  impl_->run(impl_->frame, logits, {});
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
  const Frame& frame = impl_->frame;
  runtime::quantize_input(plan, input, frame.of(plan.input), frame.pixels(plan.input));
  impl_->run(frame, logits, {});
  return {};
}

Status Session::run_observed(std::span<const std::byte> input, std::span<float> logits,
                             const Observer& observer) {
  const Status fits = impl_->check_call(input.size(), input_bytes(program().plan()), logits.size());
  if (!fits) return fits;
  const Result<const Frame*> frame = impl_->frame_for_hooks();
  if (!frame) return frame.error();
  struct Context {
    const Plan& plan;
    const Frame& frame;
    const Observer& observer;
    std::vector<std::byte> output;
    std::exception_ptr thrown;

    void observe(size_t step) {
      const uint32_t tensor = plan.steps[step].output;
      const TensorLayout& y = frame.of(tensor);
      output.resize(size_t(y.height) * size_t(y.width) * size_t(y.channel_bytes()));
      frame.copy_output(tensor, output.data());
      observer(step, output);
    }
  } context{program().plan(), **frame, observer, {}, {}};
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
  (*frame)->copy_input(program().plan().input, input.data());
  impl_->run(**frame, logits, {call, &context});
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
  const Result<const Frame*> frame = impl_->frame_for_hooks();
  if (!frame) return frame.error();
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
  (*frame)->copy_input(program().plan().input, input.data());
  Context context{step_ns, Clock::now()};
  impl_->run(**frame, logits, {call, &context});
  return {};
}

}  // namespace octavo
