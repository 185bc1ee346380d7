// The program `octavo`: one file a subcommand. Here is parsing, printing and exit
// codes; what a command does is a call into another room.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "command/arguments.h"

namespace octavo::command {

inline constexpr int exit_done = 0;
int exit_code(ErrorKind kind);

// What --json, -q and -v say; and the interrupt.
struct Output {
  bool json = false;
  bool quiet = false;
  bool verbose = false;
};

// A subcommand adds itself to the program and sets `action`, which main runs after
// parsing; the action returns the exit code.
using Action = std::function<int()>;
using AddCommand = void (*)(CLI::App& program, Action& action);

void add_check(CLI::App& program, Action& action);
void add_build(CLI::App& program, Action& action);
void add_inspect(CLI::App& program, Action& action);
void add_classify(CLI::App& program, Action& action);
void add_stream(CLI::App& program, Action& action);
void add_eval(CLI::App& program, Action& action);
void add_bench(CLI::App& program, Action& action);
void add_compare(CLI::App& program, Action& action);
void add_report(CLI::App& program, Action& action);
void add_export(CLI::App& program, Action& action);
void add_doctor(CLI::App& program, Action& action);
void add_selftest(CLI::App& program, Action& action);
void add_zoo(CLI::App& program, Action& action);
void add_help(CLI::App& program, Action& action);

// Set by SIGINT while a command that cleans up after itself runs (see interruptible).
extern std::atomic<bool> interrupted;
// From now on SIGINT only sets `interrupted`; before, it ends the program with 130.
void interruptible();

}  // namespace octavo::command
