// octavo check MODEL.onnx: a row a node, what becomes of it, and why not int8.

#include <fmt/core.h>

#include <map>

#include "base/text.h"
#include "command/flags.h"
#include "command/hb_style.h"
#include "command/print.h"
#include "graph/graph.h"
#include "model/float_model.h"
#include "quantize/passes.h"
#include "quantize/prepare.h"
#include "quantize/steps.h"
#include "quantize/types.h"

namespace octavo::command {

namespace {

struct Options {
  std::string model, style;
  ModelFlags flags;
  Output output;
};

using TextByNode = std::map<std::string, std::string>;

// `text` for a node of the graph and for those of the file that were merged into it.
void set_text(const Node& node, const std::string& text, TextByNode& out) {
  out[node.name] = text;
  for (const std::string& merged : node.merged) out[merged] = text;
}

// For every node of the file, by name: the step that performs it.
TextByNode step_names(const Graph& graph, const FormedSteps& formed) {
  TextByNode out;
  for (const FormedStep& step : formed.steps) {
    if (step.nodes.empty()) continue;  // a constant
    const std::string& name = graph.nodes[step.nodes.back()].name;
    for (const uint32_t index : step.nodes) set_text(graph.nodes[index], name, out);
  }
  return out;
}

// For every node of the file, by name: the precision that inspect shows of its step once it is
// built, but for what the noise that is measured then makes 16-bit.
TextByNode precisions(const Graph& graph, const FormedSteps& formed,
                      const std::vector<ElementType>& types) {
  TextByNode out;
  for (const FormedStep& step : formed.steps) {
    const std::string reads = step.inputs.empty() ? "" : type_name(types[step.inputs[0]]);
    const bool answers = step.output == formed.stored_as[graph.output];
    const std::string text = precision_text(reads, answers ? ElementType::f32 : types[step.output]);
    for (const uint32_t index : step.nodes) set_text(graph.nodes[index], text, out);
  }
  return out;
}

// For every node of the file that no integer step performs: why.
TextByNode refusals(const Graph& graph, const std::vector<Refusal>& refused) {
  TextByNode out;
  for (const Refusal& refusal : refused) {
    if (refusal.node) set_text(graph.nodes[*refusal.node], reason(graph, refusal), out);
  }
  return out;
}

std::string text_of(const TextByNode& texts, const std::string& node) {
  const auto found = texts.find(node);
  return found == texts.end() ? "" : found->second;
}

struct Checked {
  std::vector<ImportRow> rows;
  Graph graph;  // empty where the file could not be read as a whole
  FormedSteps formed;
  TextByNode steps, precisions, refused;
  std::vector<std::string> notes;
  Status buildable;
};

Result<Checked> check(const Options& options) {
  auto model_options = options.flags.parse();
  if (!model_options) return model_options.error();
  auto bytes = read_model_file(options.model);
  if (!bytes) return bytes.error();
  if (looks_like_plan(options.model, *bytes)) {
    return usage_error(
        concat(quoted(options.model), " is a plan, built already; octavo inspect shows it"));
  }
  const std::vector<std::string> disabled = take_for_quantizer(model_options->disabled_rewrites);
  if (const Status possible = check_disabled(disabled); !possible) return possible.error();
  auto read = check_float_model(options.model, *bytes, *model_options);
  if (!read) return read.error();
  Checked out;
  out.rows = std::move(read->rows);
  const Result<Model>& model = read->model;
  if (!model) {
    out.buildable = model.error();
    return out;
  }
  out.notes = model->notes;
  auto prepared = prepare_for_steps(model->graph(), disabled);
  if (!prepared) return prepared.error();
  out.graph = *std::move(prepared);
  const Graph& graph = out.graph;
  Formation formation = form_what_can(graph);
  out.formed = std::move(formation.formed);
  out.steps = step_names(graph, out.formed);
  out.refused = refusals(graph, formation.refused);
  if (const Status formed = all_formed(graph, formation.refused); !formed) {
    out.buildable =
        Error{formed.error().kind, concat(quoted(options.model), ": ", formed.error().message)};
    return out;
  }
  auto types = stored_types(graph, out.formed, {});
  if (!types) return types.error();
  out.precisions = precisions(graph, out.formed, types->of);
  return out;
}

// Where the file cannot be read as a whole there are no steps: its nodes then.
std::string hb_table(const Checked& checked) {
  std::vector<HbNode> others;
  for (const ImportRow& row : checked.rows) {
    const bool refused =
        !text_of(checked.refused, row.name).empty() || row.becomes.starts_with("unsupported: ");
    const bool gone = row.becomes == "folded" || row.becomes == "unused";
    if (refused || (checked.formed.steps.empty() && !gone)) {
      others.push_back({row.name, row.op_type, !refused});
    }
  }
  const bool whole = checked.buildable && !checked.formed.steps.empty();
  return hb_check_table(checked.graph, checked.formed, whole, others);
}

int run(const Options& options) {
  if (const Status known = check_hb_style(options.style); !known) return fail(known.error());
  if (!options.style.empty() && options.output.json) {
    return fail(usage_error("--style is about tables, --json has none"));
  }
  auto checked = check(options);
  if (!checked) return fail(checked.error());
  const std::string_view unsupported = "unsupported: ";
  Json nodes = Json::array();
  Table table({"node", "operator", "becomes", "part of step", "precision", "why not int8"});
  for (const ImportRow& row : checked->rows) {
    const std::string refused = text_of(checked->refused, row.name);
    const std::string step = refused.empty() ? text_of(checked->steps, row.name) : "";
    const bool missing = row.becomes.starts_with(unsupported);
    const std::string becomes = missing ? "unsupported" : row.becomes;
    const std::string why = missing ? row.becomes.substr(unsupported.size()) : refused;
    // Types are known of whole networks only.
    const std::string precision = step.empty()         ? ""
                                  : checked->buildable ? text_of(checked->precisions, row.name)
                                                       : "int8";
    table.add({row.name, row.op_type, becomes, step, precision, why});
    nodes.push_back({{"name", row.name},
                     {"op_type", row.op_type},
                     {"becomes", becomes},
                     {"step", step},
                     {"precision", precision},
                     {"why", why}});
  }
  if (options.output.json) {
    print_json({{"model", options.model},
                {"buildable", static_cast<bool>(checked->buildable)},
                {"nodes", nodes}});
  } else if (options.style == "hb") {
    write_out(hb_table(*checked));
  } else {
    write_out(table.text());
  }
  for (const std::string& text : checked->notes) note(options.output, text);
  return checked->buildable ? exit_done : fail(checked->buildable.error());
}

}  // namespace

void add_check(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("check", "whether a float model can be built, node by node");
  command->example("octavo check model.onnx");
  command->add_option("MODEL", o->model, "a float model (.onnx)")->required();
  command->add_option("--style", o->style, "hb: the table that hb_mapper's checker prints")
      ->choices({"hb"});
  o->flags.add(*command);
  o->flags.add_output_name(*command);
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
