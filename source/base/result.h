// Errors as values. Every function of Octavo that can fail returns a Result:
// the value, or an Error whose message is one complete line for the user (what
// was expected, what was found, where, what to try). The library never prints,
// exits or aborts; only source/command turns an Error into text and exit code.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace octavo {

// The kinds are what a caller can act on; source/command maps them to exit codes.
enum class ErrorKind {
  failed,        // I/O or an internal fault                             (exit 1)
  usage,         // the call itself is wrong                             (exit 2)
  rejected,      // a model, plan, picture, data set or config is bad    (exit 3)
  gate_missed,   // the work was done, a threshold was not reached       (exit 4)
  unsupported,   // this machine cannot (ISA, memory)                    (exit 5)
  interrupted,   // the user asked to stop                               (exit 130)
};

struct Error {
  ErrorKind kind = ErrorKind::failed;
  std::string message;
};

inline Error failed(std::string message) { return {ErrorKind::failed, std::move(message)}; }
inline Error usage_error(std::string message) { return {ErrorKind::usage, std::move(message)}; }
inline Error rejected(std::string message) { return {ErrorKind::rejected, std::move(message)}; }
inline Error unsupported(std::string message) {
  return {ErrorKind::unsupported, std::move(message)};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    assert(state_.index() == 1);
    return *std::get_if<1>(&state_);
  }

 private:
  T& value() {
    assert(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    assert(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }

  std::variant<T, Error> state_;
};

// Success, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_.has_value(); }
  const Error& error() const {
    assert(error_.has_value());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace octavo
