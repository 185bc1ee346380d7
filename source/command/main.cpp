// octavo: parses the command line, runs one subcommand, returns its exit code.

#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <iterator>
#include <new>
#include <system_error>

#include "base/memory_error.h"
#include "base/text.h"
#include "command/command.h"
#include "command/print.h"
#include "evaluate/host.h"

namespace octavo::command {

std::atomic<bool> interrupted{false};

namespace {

std::atomic<bool> cleans_up{false};

[[noreturn]] void end_now(int) {
  write_error("octavo: interrupted\n");
  ::_exit(exit_code(ErrorKind::interrupted));
}

// Whatever the program waits for, it waits no longer than this: what is written is written whole
// or not at all, so that ending here loses nothing.
void on_interrupt(int signal) {
  if (!cleans_up || interrupted) end_now(signal);
  interrupted = true;
  const itimerval patience = {{0, 0}, {0, 900'000}};
  ::setitimer(ITIMER_REAL, &patience, nullptr);
}

// Memory ran out at least once: of what ends the program then, this is the likely reason.
std::atomic<bool> memory_ran_out{false};

void on_no_memory() {
  memory_ran_out = true;
  throw std::bad_alloc();
}

// An exception that nobody caught, or that could not even be made.
[[noreturn]] void on_terminate() {
  if (memory_ran_out) {
    write_error(out_of_memory_line);
    ::_exit(exit_code(ErrorKind::unsupported));
  }
  write_error("octavo: a fault inside Octavo ended it\n");
  ::_exit(exit_code(ErrorKind::failed));
}

// Before constructors of static objects, which may fail too.
[[gnu::constructor(101)]] void expect_the_worst() {
  std::set_new_handler(&on_no_memory);
  std::set_terminate(&on_terminate);
}

void handle_signals() {
  std::signal(SIGPIPE, SIG_IGN);  // a write that fails says so itself,
  std::signal(SIGXFSZ, SIG_IGN);  // beyond a limit of files too
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  std::signal(SIGALRM, end_now);
}

struct Command {
  std::string_view name;
  AddCommand add;
};

constexpr Command commands[] = {
#ifndef OCTAVO_RUNTIME_ONLY
    {"check", add_check},     {"build", add_build},
#endif
    {"inspect", add_inspect}, {"classify", add_classify}, {"stream", add_stream},
#ifndef OCTAVO_RUNTIME_ONLY
    {"eval", add_eval},
#endif
    {"bench", add_bench},
#ifndef OCTAVO_RUNTIME_ONLY
    {"compare", add_compare}, {"report", add_report},     {"export", add_export},
#endif
    {"doctor", add_doctor},   {"selftest", add_selftest},
#ifdef OCTAVO_ZOO
    {"zoo", add_zoo},
#endif
    {"help", add_help},
};

// The command that `first` names, alone: to describe all of them takes longer than many answers.
// Help tells of all, and so does what complains of another word.
void add_commands(CLI::App& root, Action& action, std::string_view first) {
  const auto named = [&](const Command& command) {
    return command.name == first && command.name != "help";
  };
  const bool alone = std::any_of(std::begin(commands), std::end(commands), named);
  for (const Command& command : commands) {
    if (!alone || named(command)) command.add(root, action);
  }
}

int print_version(bool json) {
  const Host host = host_facts();
  if (json) {
    print_json({{"version", host.version}, {"compiler", host.compiler}, {"isas", host.isas}});
  } else {
    print_out("octavo {}\n", host.version);
  }
  return exit_done;
}

int run(int argc, char** argv) {
  CommandLine line("octavo",
                   "Octavo folds a trained image classifier (ONNX) into eight bits and runs it.");
  CLI::App& program = line.program();
  program.require_subcommand(0, 1);
  bool version = false, version_json = false;
  program.add_flag("--version", version, "print the version");
  program.add_flag("--json", version_json, "with --version: as JSON");
  program.example("octavo classify model.octavo photo.jpg");
  Action action;
  add_commands(program, action, argc > 1 ? argv[1] : "");

  const auto asked_for_help = line.parse({argv + std::min(argc, 1), argv + argc});
  if (!asked_for_help) return fail(asked_for_help.error());
  if (*asked_for_help) {
    write_out(help_text(**asked_for_help));
    return exit_done;
  }
  if (version) return print_version(version_json);
  if (!action) {
    write_out(help_text(describe(program.parser())));
    return exit_code(ErrorKind::usage);
  }
  return action();
}

}  // namespace

void interruptible() {
  cleans_up = true;
}

}  // namespace octavo::command

int main(int argc, char** argv) {
  using namespace octavo;
  command::prepare_streams();
  command::handle_signals();
  try {
    return command::finish_output(command::run(argc, argv));
  } catch (const std::bad_alloc&) {
    return command::fail(out_of_memory());
  } catch (const std::system_error& error) {  // std::thread
    return command::fail(
        {ErrorKind::unsupported,
         concat("the system refused: ", error.code().message(), "; fewer --threads need less")});
  } catch (const std::exception& error) {
    return command::fail(failed(concat("a fault inside Octavo: ", error.what())));
  }
}
