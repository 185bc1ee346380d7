// The one place of the program that writes to stdout and stderr. Writing throws nothing, from
// whatever thread, handler or destructor it is asked for; what could not be written is told once,
// by finish_output.
#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace octavo::command {

// Before anything else: buffers that need no memory later, and no file of ours that is opened as
// descriptor 0, 1 or 2 because the caller had closed them.
void prepare_streams();

// Data, to stdout.
void write_out(std::string_view text) noexcept;
template <class... Arguments>
void print_out(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write_out(fmt::format(format, std::forward<Arguments>(arguments)...));
}

// Lets go what was written so far, for who reads along. False: something could not be written, and
// nothing will be any more.
bool flush_out() noexcept;

// Everything else, to stderr, at once. What cannot be written is lost, as all of it may be.
void write_error(std::string_view text) noexcept;

// What is printed only tells of the work, which is done and kept: that it cannot be printed is
// no failure of the command.
void output_is_extra();

// The exit code of a command that ended with `code`: 1, with a line on stderr, where its result
// could not be written.
int finish_output(int code);

}  // namespace octavo::command
