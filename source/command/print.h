// What people see: errors, notes, tables, progress. Data goes to stdout, everything
// else to stderr.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/fixed.h"
#include "base/result.h"
#include "command/command.h"
#include "command/json.h"
#include "command/streams.h"
#include "plan/type_name.h"

namespace octavo::command {

// One line on stderr; returns the exit code of the error's kind. Needs no memory for the lack of
// it.
int fail(const Error& error) noexcept;
inline constexpr char out_of_memory_line[] =
    "octavo: out of memory: fewer --threads, a smaller model or smaller pictures need less\n";
// What ends a command that answered over those pictures that it could read.
Error unreadable_pictures(size_t unreadable, size_t all);
void note(const Output& output, std::string_view text);     // silent with -q
void warning(const Output& output, std::string_view text);  // silent with -q

// Facts on this machine, as doctor prints them and a measurement carries them.
Json host_json();

// What the precision of a step is called: the type of what it stores, "uint8 to float32" where
// that is logits; `reads` is the type_name of its first input, empty without one.
std::string precision_text(const std::string& reads, ElementType output);

// {"schema_version": 1, ...} on stdout, indented.
void print_json(const Json& object);
// The same on one line, for output that goes on.
void print_json_line(const Json& object);

// Columns padded to their widest cell; numbers (`right`) aligned to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header, std::vector<bool> right = {});
  void add(std::vector<std::string> row);
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<bool> right_;
};

// A bar on a terminal, a plain line every tenth elsewhere, nothing with -q.
class Progress {
 public:
  explicit Progress(const Output& output) : output_(output) {}
  ~Progress();
  void show(size_t done, size_t total, std::string_view what);

 private:
  Output output_;
  std::string what_;
  int last_tenth_ = -1;
  int last_width_ = 0;
  bool open_line_ = false;
};

std::string megabytes(double bytes);

}  // namespace octavo::command
