// octavo selftest [PLAN]: golden inputs through the paths that this machine can run,
// against the digests that the plan carries.

#include <fmt/core.h>

#include "base/text.h"
#include "command/flags.h"
#include "command/print.h"
#include "evaluate/golden.h"
#include "kernels/isa.h"
#include "runtime/selftest_plan.h"

namespace octavo::command {

namespace {

struct Options {
  std::string plan, isa;
  bool all_isa = false;
  MemoryFlag max_memory;
  Output output;
};

struct Check {
  std::string isa;
  int threads = 1;
  uint64_t seed = 0, expected = 0, found = 0;
};

// The plan's own golden inputs, against the digests that it carries.
Result<std::vector<Check>> check_golden(const Plan& plan, const GoldenPath& path) {
  std::vector<uint64_t> seeds;
  for (const Golden& golden : plan.golden) seeds.push_back(golden.seed);
  const auto ran = run_golden(plan, seeds, path);
  if (!ran) return ran.error();
  std::vector<Check> checks;
  for (size_t i = 0; i < seeds.size(); ++i) {
    checks.push_back(
        {ran->isa, path.threads, seeds[i], plan.golden[i].logits_xxh3, ran->digests[i]});
  }
  return checks;
}

std::vector<std::string> isas_to_run(const Options& options) {
  if (options.all_isa) return runnable_isas();
  return {options.isa};
}

int run(const Options& options) {
  if (options.all_isa && !options.isa.empty()) {
    return fail(usage_error("--isa and --all-isa exclude each other"));
  }
  Result<Plan> plan = options.plan.empty() ? selftest_plan() : read_plan(options.plan);
  if (!plan) return fail(plan.error());
  if (plan->golden.empty()) {
    return fail(rejected(concat(quoted(options.plan), " carries no golden digests")));
  }
  std::vector<Check> checks;
  for (const std::string& isa : isas_to_run(options)) {
    for (const int threads : {1, 2}) {
      auto done = check_golden(*plan, {isa, threads, options.max_memory.bytes()});
      if (!done) return fail(done.error());
      checks.insert(checks.end(), done->begin(), done->end());
    }
  }
  size_t different = 0;
  Json rows = Json::array();
  for (const Check& check : checks) {
    const bool same = check.expected == check.found;
    different += !same;
    const std::string expected = fmt::format("{:016x}", check.expected);
    const std::string found = fmt::format("{:016x}", check.found);
    rows.push_back({{"isa", check.isa},
                    {"threads", check.threads},
                    {"seed", check.seed},
                    {"expected", expected},
                    {"found", found},
                    {"same", same}});
    if (!options.output.json) {
      print_out("{:<12} {} threads  seed {}  {}  {}\n", check.isa, check.threads, check.seed, found,
                same ? "same" : "DIFFERENT, expected " + expected);
    }
  }
  std::string absent;
  for (const IsaName& isa : isa_names()) {
    const auto runnable = runnable_isas();
    if (std::find(runnable.begin(), runnable.end(), isa.name) == runnable.end()) {
      absent += (absent.empty() ? "" : ", ") + std::string(isa.name);
    }
  }
  if (options.output.json) {
    print_json({{"passed", different == 0}, {"checks", rows}, {"not_on_this_machine", absent}});
  } else if (!absent.empty()) {
    note(options.output, "not on this machine: " + absent);
  }
  if (different == 0) return exit_done;
  return fail(
      {ErrorKind::gate_missed,
       concat(different, " of ", checks.size(),
              " digests differ: this build or machine does not compute what the plan says")});
}

}  // namespace

void add_selftest(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("selftest", "golden inputs through this machine's ISA paths");
  command->example("octavo selftest model.octavo --all-isa");
  command->add_option("PLAN", o->plan, "a plan (default: a small one that is built in)");
  command->add_option("--isa", o->isa, "only this one")->value("NAME");
  command->add_flag("--all-isa,!--no-all-isa", o->all_isa, "every path that this machine can run");
  o->max_memory.add(*command);
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
