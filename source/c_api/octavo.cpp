// The C face of the runtime: no exception, no C++ type crosses it.

#include <algorithm>
#include <limits>
#include <string>

#include "c_api/handles.h"
#include "image/image.h"
#include "plan/plan.h"

using namespace octavo;
using namespace octavo::c_api;

namespace {

// Of the thread's last call. An array, so that running out of memory can be told too.
thread_local char last_error[1024] = "";

}  // namespace

namespace octavo::c_api {

void remember(std::string_view message) {
  const size_t length = std::min(message.size(), sizeof last_error - 1);
  last_error[message.copy(last_error, length)] = '\0';
}

octavo_status report(ErrorKind kind, std::string_view message) {
  remember(message);
  switch (kind) {
    case ErrorKind::usage:
      return OCTAVO_USAGE;
    case ErrorKind::rejected:
      return OCTAVO_REJECTED;
    case ErrorKind::gate_missed:
      return OCTAVO_GATE_MISSED;
    case ErrorKind::unsupported:
      return OCTAVO_UNSUPPORTED;
    case ErrorKind::interrupted:
      return OCTAVO_INTERRUPTED;
    case ErrorKind::failed:
      break;
  }
  return OCTAVO_FAILED;
}

octavo_status report(const Status& status) {
  return status ? OCTAVO_OK : report(status.error().kind, status.error().message);
}

const char* missing(std::initializer_list<Argument> arguments) {
  for (const Argument& argument : arguments) {
    if (argument.pointer == nullptr) return argument.name;
  }
  return nullptr;
}

octavo_status refuse_null(const char* name) {
  return report(ErrorKind::usage, concat(name, " is a null pointer"));
}

}  // namespace octavo::c_api

namespace {

void tell(const octavo_plan_options& options, const std::string& line) {
  if (options.log != nullptr) options.log(options.log_context, line.c_str());
}

void log_program(const octavo_plan_options& options, const Program& program) {
  if (options.log == nullptr) return;
  const Plan& plan = program.plan();
  tell(options, concat("octavo ", OCTAVO_VERSION, ": ", plan.steps.size(), " steps on ",
                       program.isa(), ", ", program.weight_bytes() >> 10, " KiB of weights, ",
                       program.arena_bytes() >> 10, " KiB a session"));
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    tell(options, concat("step ", i, " ", printable(plan.steps[i].name), ": ",
                         step_operator_name(plan.steps[i].op), " by ", program.kernel_name(i)));
  }
}

octavo_status open_plan(const auto& read, const octavo_plan_options* given, octavo_plan** out) {
  const auto options = known_fields(given, "octavo_plan_options");
  if (!options) return report(options.error());
  Result<ReadPlan> made = read();
  if (!made) return report(made.error());
  const auto most_memory = static_cast<size_t>(
      std::min<uint64_t>(options->max_memory_bytes, std::numeric_limits<size_t>::max()));
  auto program = Program::prepare(std::move(made->plan),
                                  options->isa == nullptr ? "" : options->isa, most_memory);
  if (!program) return report(program.error());
  log_program(*options, **program);
  *out = new octavo_plan{std::move(*program), std::move(made->source)};
  return OCTAVO_OK;
}

octavo_plan_options with_isa(const char* isa) {
  octavo_plan_options options{};
  options.size = sizeof options;
  options.isa = isa;
  return options;
}

const PlanTensor& input_tensor(const Plan& plan) {
  return plan.tensors[plan.input];
}

octavo_status open_session(const octavo_plan* plan, const octavo_session_options& options,
                           octavo_session** session) {
  if (session != nullptr) *session = nullptr;
  if (const char* name = missing({{"plan", plan}, {"session", session}})) return refuse_null(name);
  SessionOptions asked;
  asked.threads = options.threads;
  if (options.wait != OCTAVO_WAIT_SPIN && options.wait != OCTAVO_WAIT_PASSIVE) {
    return report(ErrorKind::usage, "octavo_session_options.wait is none of octavo_wait");
  }
  if (options.wait == OCTAVO_WAIT_PASSIVE) asked.wait = SessionOptions::Wait::passive;
  if (options.memory != nullptr) {
    asked.memory = {static_cast<std::byte*>(options.memory), options.memory_bytes};
    if (asked.memory.empty()) {
      return report(ErrorKind::usage, "octavo_session_options.memory_bytes is 0");
    }
  }
  asked.parallel = options.parallel;
  asked.parallel_context = options.parallel_context;
  auto created = Session::create(plan->program, asked);
  if (!created) return report(created.error().kind, created.error().message);
  auto out = std::make_unique<octavo_session>();
  out->session = std::move(*created);
  const PlanTensor& input = input_tensor(plan->program->plan());
  if (plan->program->plan().picture_input) {
    out->pixels.resize(static_cast<size_t>(input.shape[1]) * input.shape[2] * input.shape[3]);
  }
  *session = out.release();
  return OCTAVO_OK;
}

}  // namespace

const char* octavo_version(void) {
  return OCTAVO_VERSION;
}

const char* octavo_last_error(void) {
  return last_error;
}

octavo_status octavo_plan_open(const char* path, const octavo_plan_options* options,
                               octavo_plan** plan) {
  return guarded([&] {
    if (plan != nullptr) *plan = nullptr;
    if (const char* name = missing({{"path", path}, {"plan", plan}})) return refuse_null(name);
    return open_plan([&] { return read_plan_file(path); }, options, plan);
  });
}

octavo_status octavo_plan_open_memory(const void* bytes, size_t size,
                                      const octavo_plan_options* options, octavo_plan** plan) {
  return guarded([&] {
    if (plan != nullptr) *plan = nullptr;
    if (const char* name = missing({{"bytes", bytes}, {"plan", plan}})) return refuse_null(name);
    const std::span content(static_cast<const std::byte*>(bytes), size);
    return open_plan([&] { return read_plan_bytes(content); }, options, plan);
  });
}

octavo_status octavo_plan_load(const char* path, const char* isa, octavo_plan** plan) {
  const octavo_plan_options options = with_isa(isa);
  return octavo_plan_open(path, &options, plan);
}

octavo_status octavo_plan_load_memory(const void* bytes, size_t size, const char* isa,
                                      octavo_plan** plan) {
  const octavo_plan_options options = with_isa(isa);
  return octavo_plan_open_memory(bytes, size, &options, plan);
}

void octavo_plan_free(octavo_plan* plan) {
  delete plan;
}

int32_t octavo_plan_classes(const octavo_plan* plan) {
  if (plan == nullptr) return 0;
  const Plan& p = plan->program->plan();
  return p.tensors[p.output].shape[3];
}

void octavo_plan_input_shape(const octavo_plan* plan, int32_t shape[3]) {
  if (shape == nullptr) return;
  std::fill_n(shape, 3, 0);
  if (plan == nullptr) return;
  const PlanTensor& input = input_tensor(plan->program->plan());
  for (size_t i = 0; i < 3; ++i) shape[i] = input.shape[i + 1];
}

const char* octavo_plan_label(const octavo_plan* plan, int32_t index) {
  if (plan == nullptr) return nullptr;
  const std::vector<std::string>& labels = plan->program->plan().labels;
  if (index < 0 || static_cast<size_t>(index) >= labels.size()) return nullptr;
  return labels[static_cast<size_t>(index)].c_str();
}

octavo_status octavo_session_create(const octavo_plan* plan, int32_t threads,
                                    octavo_session** session) {
  octavo_session_options options = {};
  options.size = sizeof options;
  options.threads = threads;
  return guarded([&] { return open_session(plan, options, session); });
}

octavo_status octavo_session_open(const octavo_plan* plan, const octavo_session_options* options,
                                  octavo_session** session) {
  return guarded([&] {
    if (session != nullptr) *session = nullptr;
    auto known = known_fields(options, "octavo_session_options");
    if (!known) return report(known.error().kind, known.error().message);
    if (known->threads == 0) known->threads = 1;
    return open_session(plan, *known, session);
  });
}

size_t octavo_session_memory(const octavo_plan* plan, int32_t threads) {
  if (plan == nullptr || threads < 1 || threads > 1024) return 0;
  try {
    return Session::memory_bytes(*plan->program, threads);
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

void octavo_session_free(octavo_session* session) {
  delete session;
}

int32_t octavo_top_scores(const float* logits, size_t classes, int32_t k, octavo_score* scores) {
  int32_t written = 0;
  guarded([&] {
    if (const char* name = missing({{"logits", logits}, {"scores", scores}})) {
      return refuse_null(name);
    }
    if (k < 1 || classes < 1) return report(ErrorKind::usage, "no scores are asked for");
    for (const Score& score : top_scores({logits, classes}, k)) {
      scores[written++] = {score.index, score.score, score.logit};
    }
    return OCTAVO_OK;
  });
  return written;
}

int32_t octavo_plan_score_count(const octavo_plan* plan) {
  return static_cast<int32_t>(score_count(static_cast<size_t>(octavo_plan_classes(plan)))) *
         (plan != nullptr ? 1 : 0);
}

int32_t octavo_plan_top_scores(const octavo_plan* plan, const float* outputs, size_t count,
                               int32_t k, octavo_score* scores) {
  int32_t written = 0;
  guarded([&] {
    if (const char* name = missing({{"plan", plan}, {"outputs", outputs}, {"scores", scores}})) {
      return refuse_null(name);
    }
    const auto outputs_of_plan = static_cast<size_t>(octavo_plan_classes(plan));
    if (k < 1 || count != outputs_of_plan) {
      return report(ErrorKind::usage, concat("k is ", k, " and ", count, " outputs are given; ",
                                             "the plan has ", outputs_of_plan));
    }
    const OutputKind kind = plan->program->plan().output_kind;
    for (const Score& score : top_scores(kind, {outputs, count}, k)) {
      scores[written++] = {score.index, score.score, score.logit};
    }
    return OCTAVO_OK;
  });
  return written;
}
