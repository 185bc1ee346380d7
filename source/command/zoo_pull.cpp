// octavo zoo pull NAME...: files of an index, into the cache.

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/text.h"
#include "command/flags.h"
#include "command/print.h"
#include "command/zoo.h"
#include "zoo/pull.h"

namespace octavo::command {

namespace {

struct Options {
  std::vector<std::string> names;
  bool all = false;
  std::string index;
  zoo::PullOptions pull;
  Output output;
};

// "a b,c" to {"a", "b", "c"}.
std::vector<std::string> words(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n'; }, ',');
  return split_commas({text});
}

std::string environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value ? value : "";
}

// What the flags leave open is taken from the environment.
Status complete(Options& options) {
  if (options.names.empty() != options.all)
    return usage_error("zoo pull takes names of models, or --all");
  const Status known = complete_index(options.index, options.pull.mirrors);
  if (!known) return known;
  if (options.index.empty())
    return usage_error(
        "no index says where files are: set --index or OCTAVO_ZOO_INDEX (a URL or a file; "
        "docs/mirror.md shows how to make one), or make the model with octavo zoo build");
  if (options.pull.cache.empty()) options.pull.cache = zoo::default_cache();
  return {};
}

Result<std::vector<const zoo::Entry*>> wanted(const zoo::Index& index, const Options& options) {
  std::vector<const zoo::Entry*> entries;
  if (options.all) {
    for (const zoo::Entry& entry : index.files) entries.push_back(&entry);
    return entries;
  }
  for (const std::string& name : options.names) {
    const auto entry = zoo::find_entry(index, name);
    if (!entry) return entry.error();
    if (std::find(entries.begin(), entries.end(), *entry) == entries.end())
      entries.push_back(*entry);
  }
  return entries;
}

// All files together, in kilobytes.
std::function<void(const zoo::Entry&, uint64_t)> show_on(
    Progress& progress, const std::vector<const zoo::Entry*>& entries) {
  uint64_t total = 0;
  for (const zoo::Entry* entry : entries) total += entry->size;
  return [&progress, total, done = std::map<const zoo::Entry*, uint64_t>()](
             const zoo::Entry& entry, uint64_t bytes) mutable {
    done[&entry] = bytes;
    uint64_t sum = 0;
    for (const auto& [each, of_it] : done) sum += of_it;
    progress.show(sum / 1000, total / 1000, "fetched kB");
  };
}

void print(const std::vector<const zoo::Entry*>& entries,
           const std::vector<Result<zoo::Pulled>>& pulled, const Output& output) {
  Json files = Json::array();
  for (size_t i = 0; i < entries.size(); ++i) {
    const zoo::Entry& entry = *entries[i];
    if (!pulled[i]) {
      files.push_back({{"name", entry.name}, {"error", pulled[i].error().message}});
      continue;
    }
    files.push_back({{"name", entry.name},
                     {"path", pulled[i]->path},
                     {"bytes", entry.size},
                     {"sha256", entry.sha256},
                     {"weights", entry.weights},
                     {"was_cached", pulled[i]->was_cached}});
    if (!output.json) print_out("{}\n", pulled[i]->path);
  }
  if (output.json) print_json({{"files", files}});
}

// The interrupt is said once, another failure for each file; the first one's code is the command's.
int report_failures(const std::vector<Result<zoo::Pulled>>& pulled) {
  int code = exit_done;
  for (const auto& result : pulled) {
    if (result) continue;
    if (result.error().kind == ErrorKind::interrupted)
      return fail({ErrorKind::interrupted,
                   "interrupted; what has come is kept, the same command goes on from there"});
    const int own = fail(result.error());
    if (code == exit_done) code = own;
  }
  return code;
}

int pull(Options& options) {
  if (const Status completed = complete(options); !completed) return fail(completed.error());
  interruptible();
  options.pull.patience.stop = &interrupted;
  const auto index = zoo::read_index(options.index, options.pull.patience);
  if (!index) return fail(index.error());
  const auto entries = wanted(*index, options);
  if (!entries) return fail(entries.error());
  std::vector<Result<zoo::Pulled>> pulled;
  {
    Progress progress(options.output);
    options.pull.progress = show_on(progress, *entries);
    pulled = zoo::pull(*entries, options.pull);
  }
  print(*entries, pulled, options.output);
  return report_failures(pulled);
}

}  // namespace

Status complete_index(std::string& index, std::vector<std::string>& mirrors) {
  if (index.empty()) index = environment("OCTAVO_ZOO_INDEX");
  if (mirrors.empty()) mirrors = words(environment("OCTAVO_ZOO_MIRRORS"));
  for (const std::string& mirror : mirrors) {
    if (zoo::is_url(mirror)) continue;
    return usage_error(concat("mirror ", quoted(mirror), ": an http or https URL is needed"));
  }
  return {};
}

void add_zoo_pull(CLI::App& zoo, Action& action) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = zoo.add_subcommand("pull", "fetch float files from an index");
  command->example("octavo zoo pull Mobilenetv2 --index https://models.example/index.json");
  command->add_option("NAME", options->names, "models, as the index names them");
  command->add_flag("--all,!--no-all", options->all, "every file of the index");
  command->add_option("--index", options->index, "URL or file (OCTAVO_ZOO_INDEX)")->value("INDEX");
  command
      ->add_option("--mirror", options->pull.mirrors,
                   "base URL that is asked first; may be repeated (OCTAVO_ZOO_MIRRORS)")
      ->value("URL")
      ->allow_extra_args(false);
  command->add_option("--cache", options->pull.cache, "folder of pulled files (OCTAVO_CACHE)")
      ->value("DIR");
  command->add_option("--parallel", options->pull.parallel, "files at once")
      ->check(whole_number(1, 64))
      ->value("N")
      ->with_default();
  zoo::Patience& patience = options->pull.patience;
  const char* group = "Bad networks";
  command
      ->add_option("--attempts", patience.attempts,
                   "of each URL, since the last that brought the file forward")
      ->check(whole_number(1, 1000))
      ->value("N")
      ->with_default()
      ->group(group);
  command
      ->add_option("--stall-seconds", patience.stall_seconds,
                   "an attempt ends after so long below 1000 bytes a second")
      ->check(real_number(0.1, 3600))
      ->value("S")
      ->with_default()
      ->group(group);
  command
      ->add_option("--backoff-seconds", patience.backoff_seconds,
                   "before a second attempt; doubles with each, up to 60")
      ->check(real_number(0, 60))
      ->value("S")
      ->with_default()
      ->group(group);
  add_output_flags(*command, options->output);
  command->callback([options, &action] { action = [options] { return pull(*options); }; });
}

}  // namespace octavo::command
