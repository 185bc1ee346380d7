// Octavo from C++20: handles that free themselves, results instead of statuses, spans. Header-only
// over octavo.h, which says what each call does, its units, errors and threads. Nothing throws
// but Result::value(), which is there for programs that want it.
//
//   auto plan = octavo::Plan::open("model.octavo");
//   if (!plan) return complain(plan.error().message);
//   auto session = octavo::Session::create(*plan);
//   auto logits = session->picture(bytes);          // Result<std::vector<float>>
//   for (const octavo::Score& best : plan->top_scores(*logits, 5)) { ... }
#ifndef OCTAVO_OCTAVO_HPP
#define OCTAVO_OCTAVO_HPP

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "octavo.h"

namespace octavo {
// The names of the library's inside are never those of a program.
inline namespace interface {

using Frame = octavo_frame;
using Score = octavo_score;
using Step = octavo_step_info;
using Info = octavo_plan_info;

struct Error {
  octavo_status status = OCTAVO_FAILED;
  std::string message;  // one line
};

#if defined(__cpp_exceptions)
// What Result::value() throws.
class Exception : public std::runtime_error {
 public:
  explicit Exception(const Error& error)
      : std::runtime_error(error.message), status_(error.status) {}
  octavo_status status() const noexcept { return status_; }

 private:
  octavo_status status_;
};
#endif

// A value or an Error, as std::expected. * and -> need a value, error() needs none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& operator*() & { return *get(); }
  const T& operator*() const& { return *get(); }
  T&& operator*() && { return std::move(*get()); }
  T* operator->() { return get(); }
  const T* operator->() const { return get(); }
  const Error& error() const {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }
#if defined(__cpp_exceptions)
  T& value() & {
    if (!has_value()) throw Exception(error());
    return *get();
  }
  T&& value() && {
    if (!has_value()) throw Exception(error());
    return std::move(*get());
  }
#endif

 private:
  T* get() {
    assert(has_value());
    return std::get_if<0>(&state_);
  }
  const T* get() const {
    assert(has_value());
    return std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const {
    assert(!has_value());
    return *error_;
  }
#if defined(__cpp_exceptions)
  void value() const {
    if (error_) throw Exception(*error_);
  }
#endif

 private:
  std::optional<Error> error_;
};

namespace detail {

inline Result<void> checked(octavo_status status) {
  if (status == OCTAVO_OK) return {};
  return Error{status, octavo_last_error()};
}

struct Free {
  void operator()(octavo_plan* plan) const { octavo_plan_free(plan); }
  void operator()(octavo_session* session) const { octavo_session_free(session); }
};

inline octavo_plan_options options_of(const char* isa) {
  octavo_plan_options options{};
  options.size = sizeof options;
  options.isa = isa;
  return options;
}

}  // namespace detail

// Immutable; any number of sessions and threads may share one.
class Plan {
 public:
  // isa: a name that `octavo doctor` lists; null for the best.
  static Result<Plan> open(const std::string& path, const char* isa = nullptr) {
    return open(path, detail::options_of(isa));
  }
  static Result<Plan> open(std::span<const std::byte> bytes, const char* isa = nullptr) {
    return open(bytes, detail::options_of(isa));
  }
  static Result<Plan> open(const std::string& path, const octavo_plan_options& options) {
    octavo_plan* plan = nullptr;
    const octavo_status status = octavo_plan_open(path.c_str(), &options, &plan);
    return made(status, plan);
  }
  static Result<Plan> open(std::span<const std::byte> bytes, const octavo_plan_options& options) {
    octavo_plan* plan = nullptr;
    const octavo_status status =
        octavo_plan_open_memory(bytes.data(), bytes.size(), &options, &plan);
    return made(status, plan);
  }

  size_t classes() const { return static_cast<size_t>(octavo_plan_classes(get())); }
  // "" where the plan carries no labels, or the index is none of its classes.
  std::string label(int32_t index) const {
    const char* text = octavo_plan_label(get(), index);
    return text == nullptr ? std::string() : std::string(text);
  }
  // The k likeliest of what this plan's outputs stand for, best first: octavo_plan_top_scores.
  std::vector<Score> top_scores(std::span<const float> outputs, int32_t k) const {
    std::vector<Score> scores(static_cast<size_t>(octavo_plan_score_count(get())));
    const int32_t found =
        octavo_plan_top_scores(get(), outputs.data(), outputs.size(), k, scores.data());
    scores.resize(static_cast<size_t>(found));
    return scores;
  }
  // Its texts live as long as the plan, as those of a step do.
  Info info() const {
    Info out{};
    out.size = sizeof out;
    octavo_plan_describe(get(), &out);
    return out;
  }
  std::vector<Step> steps() const {
    std::vector<Step> out(static_cast<size_t>(info().steps));
    int32_t index = 0;
    for (Step& step : out) {
      step.size = sizeof step;
      octavo_plan_step(get(), index++, &step);
    }
    return out;
  }
  // The file's bytes.
  Result<std::vector<std::byte>> bytes() const {
    std::vector<std::byte> out;
    const auto write = [](void* context, const void* data, size_t size) {
      const auto* begin = static_cast<const std::byte*>(data);
      static_cast<std::vector<std::byte>*>(context)->assign(begin, begin + size);
    };
    if (auto done = detail::checked(octavo_plan_write(get(), write, &out)); !done) {
      return done.error();
    }
    return out;
  }
  octavo_plan* get() const { return handle_.get(); }

 private:
  explicit Plan(octavo_plan* plan) : handle_(plan) {}
  static Result<Plan> made(octavo_status status, octavo_plan* plan) {
    if (auto done = detail::checked(status); !done) return done.error();
    return Plan(plan);
  }
  std::unique_ptr<octavo_plan, detail::Free> handle_;
};

// The memory of one frame in flight, used by one thread at a time. It keeps what it needs of its
// plan.
class Session {
 public:
  static Result<Session> create(const Plan& plan, int32_t threads = 1) {
    octavo_session* session = nullptr;
    if (auto done = detail::checked(octavo_session_create(plan.get(), threads, &session)); !done) {
      return done.error();
    }
    return Session(session, plan.classes());
  }

  static Result<Session> create(const Plan& plan, octavo_session_options options) {
    options.size = sizeof options;
    octavo_session* session = nullptr;
    if (auto done = detail::checked(octavo_session_open(plan.get(), &options, &session)); !done) {
      return done.error();
    }
    return Session(session, plan.classes());
  }

  // Into the caller's logits, as many as classes: no allocation but what octavo.h names.
  Result<void> pixels(std::span<const uint8_t> pixels, std::span<float> logits) {
    return detail::checked(
        octavo_run_pixels(get(), pixels.data(), pixels.size(), logits.data(), logits.size()));
  }
  Result<void> values(std::span<const float> values, std::span<float> logits) {
    return detail::checked(
        octavo_run_values(get(), values.data(), values.size(), logits.data(), logits.size()));
  }
  Result<void> frame(const Frame& frame, std::span<float> logits) {
    return detail::checked(octavo_run_frame(get(), &frame, logits.data(), logits.size()));
  }
  Result<void> picture(std::span<const std::byte> bytes, std::span<float> logits) {
    return detail::checked(
        octavo_run_picture(get(), bytes.data(), bytes.size(), logits.data(), logits.size()));
  }

  // The same with logits of their own.
  Result<std::vector<float>> pixels(std::span<const uint8_t> input) {
    return own([&](std::span<float> logits) { return pixels(input, logits); });
  }
  Result<std::vector<float>> values(std::span<const float> input) {
    return own([&](std::span<float> logits) { return values(input, logits); });
  }
  Result<std::vector<float>> frame(const Frame& input) {
    return own([&](std::span<float> logits) { return frame(input, logits); });
  }
  Result<std::vector<float>> picture(std::span<const std::byte> input) {
    return own([&](std::span<float> logits) { return picture(input, logits); });
  }

  size_t classes() const { return classes_; }
  octavo_session* get() const { return handle_.get(); }

 private:
  Session(octavo_session* session, size_t classes) : handle_(session), classes_(classes) {}

  template <class Run>
  Result<std::vector<float>> own(const Run& run) {
    std::vector<float> logits(classes_);
    if (auto done = run(std::span<float>(logits)); !done) return done.error();
    return logits;
  }

  std::unique_ptr<octavo_session, detail::Free> handle_;
  size_t classes_ = 0;
};

// Inputs of a batch.
inline octavo_input input_of_pixels(std::span<const uint8_t> pixels) {
  octavo_input input{};
  input.size = sizeof input;
  input.pixels = pixels.data();
  input.count = pixels.size();
  return input;
}
inline octavo_input input_of_values(std::span<const float> values) {
  octavo_input input{};
  input.size = sizeof input;
  input.values = values.data();
  input.count = values.size();
  return input;
}
inline octavo_input input_of_frame(const Frame& frame) {
  octavo_input input{};
  input.size = sizeof input;
  input.frame = &frame;
  return input;
}
inline octavo_input input_of_picture(std::span<const std::byte> bytes) {
  octavo_input input{};
  input.size = sizeof input;
  input.picture = bytes.data();
  input.count = bytes.size();
  return input;
}

// logits: [inputs, classes]. statuses: one an input, or empty. See octavo_run_batch.
inline Result<void> run_batch(std::span<Session> sessions, std::span<const octavo_input> inputs,
                              std::span<float> logits, std::span<octavo_status> statuses = {}) {
  if (sessions.empty()) return Error{OCTAVO_USAGE, "a batch needs at least one session"};
  const size_t classes = sessions.front().classes();
  if (logits.size() != inputs.size() * classes) {
    return Error{OCTAVO_USAGE, "there is not room for the logits of each input"};
  }
  if (!statuses.empty() && statuses.size() != inputs.size()) {
    return Error{OCTAVO_USAGE, "there is not a status for each input"};
  }
  std::vector<octavo_session*> handles;
  for (const Session& session : sessions) handles.push_back(session.get());
  return detail::checked(octavo_run_batch(handles.data(), handles.size(), inputs.data(),
                                          inputs.size(), logits.data(), classes,
                                          statuses.empty() ? nullptr : statuses.data()));
}

// The k likeliest classes by the softmax of logits, best first; Plan::top_scores knows what a plan's outputs mean.
inline std::vector<Score> top_scores(std::span<const float> logits, int32_t k) {
  std::vector<Score> scores(logits.size());
  const int32_t found = octavo_top_scores(logits.data(), logits.size(), k, scores.data());
  scores.resize(static_cast<size_t>(found));
  return scores;
}

}  // namespace interface
}  // namespace octavo

#endif
