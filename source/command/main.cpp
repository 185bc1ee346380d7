// octavo: parses the command line, runs one subcommand, returns its exit code.

#include <sys/time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
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

// "--per_channel=1" to "--per-channel=1": `_` is accepted for `-` in long flags.
std::string normalized(std::string argument) {
  if (!argument.starts_with("--")) return argument;
  for (char& c : argument) {
    if (c == '=') break;
    if (c == '_') c = '-';
  }
  return argument;
}

std::vector<std::string> flag_names(const ::CLI::App& app) {
  std::vector<std::string> names;
  for (const ::CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_fnames()) names.push_back("--" + name);
  }
  return names;
}

std::vector<std::string> command_names(const ::CLI::App& app) {
  std::vector<std::string> names;
  for (const ::CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

// The innermost subcommand that was named: of `octavo zoo pull`, pull.
const ::CLI::App& chosen_app(const ::CLI::App& program) {
  const ::CLI::App* app = &program;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return *app;
}

// What CLI11 could not place, with the nearest name that it could have been.
std::string explain(const ::CLI::ParseError& error, const ::CLI::App& program) {
  std::string text = error.what();
  const ::CLI::App& app = chosen_app(program);
  for (const std::string& left : app.remaining(true)) {
    const bool flag = left.starts_with("-");
    const std::string word = left.substr(0, left.find('='));
    const std::string near = nearest_name(word, flag ? flag_names(app) : command_names(app));
    text = flag ? concat("unknown flag ", quoted(word)) : concat("unexpected ", quoted(word));
    if (!near.empty()) text += concat("; did you mean ", near, "?");
    break;
  }
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return concat(text, " (", full_name(describe(app)), " --help)");
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
  ::CLI::App program{"Octavo folds a trained image classifier (ONNX) into eight bits and runs it."};
  program.name("octavo");
  program.require_subcommand(0, 1);
  bool version = false, version_json = false;
  program.add_flag("--version", version, "print the version");
  program.add_flag("--json", version_json, "with --version: as JSON");
  Action action;
  CLI::App root(&program);
  root.example("octavo classify model.octavo photo.jpg");
  add_commands(root, action, argc > 1 ? argv[1] : "");

  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i)
    arguments.push_back(normalized(argv[i]));  // CLI11 wants them reversed
  try {
    program.parse(arguments);
  } catch (const ::CLI::CallForHelp&) {
    write_out(help_text(describe(chosen_app(program))));
    return exit_done;
  } catch (const ::CLI::ParseError& error) {
    return fail(usage_error(explain(error, program)));
  }
  if (version) return print_version(version_json);
  if (!action) {
    write_out(help_text(describe(program)));
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
