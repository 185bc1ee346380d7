// octavo doctor: this machine, as far as it matters to Octavo.

#include <fmt/core.h>

#include "base/text.h"
#include "command/flags.h"
#include "command/print.h"
#include "evaluate/host.h"
#include "kernels/isa.h"

namespace octavo::command {

Json host_json() {
  const Host host = host_facts();
  return {{"cpu", host.cpu},
          {"isas", host.isas},
          {"logical_cores", host.logical_cores},
          {"physical_cores", host.physical_cores},
          {"governor", host.governor},
          {"memory_total_bytes", host.memory_total_bytes},
          {"memory_available_bytes", host.memory_available_bytes},
          {"kernel", host.kernel},
          {"compiler", host.compiler},
          {"version", host.version}};
}

namespace {

std::string gibibytes(uint64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30));
}

int run(const Output& output) {
  if (output.json) {
    print_json(host_json());
    return exit_done;
  }
  const Host host = host_facts();
  std::string runs, lacks;
  for (const IsaName& isa : isa_names()) {
    const bool here = std::find(host.isas.begin(), host.isas.end(), isa.name) != host.isas.end();
    std::string& list = here ? runs : lacks;
    list += (list.empty() ? "" : ", ") + std::string(isa.name);
  }
  print_out("octavo     {} ({})\n", host.version, host.compiler);
  print_out("processor  {}\n", host.cpu);
  print_out("cores      {} physical, {} logical\n", host.physical_cores, host.logical_cores);
  print_out("clock      {}\n", host.governor.empty() ? "governor not readable" : host.governor);
  print_out("memory     {} of {} free\n", gibibytes(host.memory_available_bytes),
            gibibytes(host.memory_total_bytes));
  print_out("system     {}\n", host.kernel);
  print_out("ISA paths  {}\n", runs);
  if (!lacks.empty()) print_out("not here   {}\n", lacks);
  return exit_done;
}

}  // namespace

void add_doctor(CLI::App& program, Action& action) {
  const auto output = std::make_shared<Output>();
  CLI::App* command =
      program.add_subcommand("doctor", "this machine: ISA paths, cores, clock, memory");
  command->example("octavo doctor");
  add_output_flags(*command, *output);
  command->callback([output, &action] { action = [output] { return run(*output); }; });
}

}  // namespace octavo::command
