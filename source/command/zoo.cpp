// octavo zoo list, zoo info NAME: what the table of models says.

#include "command/zoo.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/letter_case.h"
#include "base/text.h"
#include "command/flags.h"
#include "command/print.h"
#include "zoo/models.h"

namespace octavo::command {

namespace {

using zoo::Model;

Json to_json(const Model& m) {
  Json out = {{"name", m.name},
              {"family", m.family},
              {"architecture", m.architecture},
              {"library", m.library},
              {"model", m.model},
              {"tag", m.tag},
              {"file", m.file},
              {"licence", m.licence},
              {"input", m.input},
              {"classes", m.classes},
              {"recipe",
               {{"size", m.recipe.size},
                {"crop", m.recipe.crop},
                {"interpolation", m.recipe.interpolation},
                {"mean", m.recipe.mean},
                {"std", m.recipe.std}}},
              {"parameters_m", m.parameters_m},
              {"published_top1", m.published_top1},
              {"published_source", m.published_source},
              {"reference", nullptr},
              {"doubts", m.doubts}};
  if (m.reference) {
    out["reference"] = {{"parameters_m", m.reference->parameters_m},
                        {"float_top1", m.reference->float_top1},
                        {"quantized_top1", m.reference->quantized_top1},
                        {"ms_one_thread", m.reference->ms_one_thread},
                        {"ms_many_threads", m.reference->ms_many_threads},
                        {"fps", m.reference->fps}};
  }
  return out;
}

struct Filter {
  std::vector<std::string> families, licences;
  double most_parameters = 0;  // millions; 0: any
};

// Values of a filter must occur in the table: a misspelt family would list nothing.
Result<std::vector<std::string>> known_values(const char* flag,
                                              const std::vector<std::string>& wanted,
                                              std::string Model::*member) {
  std::vector<std::pair<std::string, std::string>> known;
  for (const Model& model : zoo::models()) {
    const std::string& value = model.*member;
    const bool there = std::any_of(known.begin(), known.end(),
                                   [&](const auto& entry) { return entry.second == value; });
    if (!there && !value.empty()) known.emplace_back(lower_case(value), value);
  }
  std::vector<std::string> out;
  for (const std::string& text : split_commas(wanted)) {
    auto value = choose(flag, lower_case(text), known);
    if (!value) return value.error();
    out.push_back(*value);
  }
  return out;
}

bool passes(const std::vector<std::string>& wanted, const std::string& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

std::string optional_text(const std::optional<double>& value, int digits) {
  return value ? fixed(*value, digits) : "";
}

int list(const Filter& filter, const Output& output) {
  const auto families = known_values("--family", filter.families, &Model::family);
  if (!families) return fail(families.error());
  const auto licences = known_values("--licence", filter.licences, &Model::licence);
  if (!licences) return fail(licences.error());
  Table table({"model", "family", "M parameters", "published Top-1", "licence", "from"},
              {false, false, true, true, false, false});
  Json rows = Json::array();
  for (const Model& m : zoo::models()) {
    if (!passes(*families, m.family) || !passes(*licences, m.licence)) continue;
    if (filter.most_parameters > 0 && (!m.parameters_m || *m.parameters_m > filter.most_parameters))
      continue;
    rows.push_back(to_json(m));
    table.add({m.name, m.family, optional_text(m.parameters_m, 2),
               optional_text(m.published_top1, 2), m.licence.empty() ? "none stated" : m.licence,
               m.library.empty() ? m.file : concat(m.library, " ", m.model)});
  }
  if (output.json) {
    print_json({{"models", rows}});
  } else {
    write_out(table.text());
  }
  return exit_done;
}

void print_info(const Model& m) {
  const auto line = [](const char* what, const std::string& text) {
    if (!text.empty()) print_out("{:<12} {}\n", what, text);
  };
  line("model", m.name);
  line("family", concat(m.family, " (", m.architecture, ")"));
  line("made by", m.library.empty()
                      ? "no library: a file of an index or a folder"
                      : concat(m.library, " ", m.model, m.tag.empty() ? "" : ".", m.tag));
  line("file", m.file);
  line("licence", m.licence.empty() ? "none stated" : m.licence);
  line("input", fmt::format("{0}x{0}, {1} classes", m.input, m.classes));
  const auto& r = m.recipe;
  line("recipe",
       fmt::format("{0}x{0}, crop {1}, {2}, mean {3}, {4}, {5}, std {6}, {7}, {8}", r.size, r.crop,
                   r.interpolation, r.mean[0], r.mean[1], r.mean[2], r.std[0], r.std[1], r.std[2]));
  if (m.parameters_m) line("parameters", fmt::format("{} M", *m.parameters_m));
  if (m.published_top1) {
    line("published", fmt::format("Top-1 {} at {}x{} ({})", *m.published_top1, r.size, r.size,
                                  m.published_source));
  }
  if (m.reference) {
    line("the board",
         fmt::format("Top-1 float {}, quantized {}; {} ms with one thread, {} ms with "
                     "many, {} frames a second; no sample size stated",
                     m.reference->float_top1, m.reference->quantized_top1,
                     m.reference->ms_one_thread, m.reference->ms_many_threads, m.reference->fps));
  }
  line("doubts", m.doubts);
}

int info(const std::vector<std::string>& names, const Output& output) {
  Json rows = Json::array();
  for (const std::string& name : names) {
    const auto model = zoo::find_model(name);
    if (!model) return fail(model.error());
    rows.push_back(to_json(**model));
    if (output.json) continue;
    if (rows.size() > 1) print_out("\n");
    print_info(**model);
  }
  if (output.json) print_json({{"models", rows}});
  return exit_done;
}

void add_list(CLI::App& zoo, Action& action) {
  struct Options {
    Filter filter;
    Output output;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command = zoo.add_subcommand("list", "the models, a row each");
  command->example("octavo zoo list --family RepVGG,MobileOne --max-parameters 10");
  command->add_option("--family", options->filter.families, "only these families")->value("NAME");
  command->add_option("--licence", options->filter.licences, "only these licences")->value("NAME");
  command
      ->add_option("--max-parameters", options->filter.most_parameters,
                   "only those of at most so many million parameters")
      ->check(real_number(0, 1e6))
      ->value("M");
  add_output_flags(*command, options->output);
  command->callback([options, &action] {
    action = [options] { return list(options->filter, options->output); };
  });
}

void add_info(CLI::App& zoo, Action& action) {
  struct Options {
    std::vector<std::string> names;
    Output output;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command = zoo.add_subcommand("info", "all that the table says of a model");
  command->example("octavo zoo info Mobilenetv2");
  command->add_option("NAME", options->names, "models, as `zoo list` names them")->required();
  add_output_flags(*command, options->output);
  command->callback(
      [options, &action] { action = [options] { return info(options->names, options->output); }; });
}

}  // namespace

void add_zoo(CLI::App& program, Action& action) {
  CLI::App* zoo =
      program.add_subcommand("zoo", "the reference table's models: get, build, measure");
  zoo->require_subcommand(1, 1);
  add_list(*zoo, action);
  add_info(*zoo, action);
  add_zoo_pull(*zoo, action);
  add_zoo_build(*zoo, action);
  add_zoo_table(*zoo, action);
}

}  // namespace octavo::command
