// octavo inspect MODEL: shapes, precision, sizes, preprocessing, provenance, a row a step.

#include <fmt/core.h>

#include "base/text.h"
#include "command/flags.h"
#include "command/print.h"
#include "plan/preprocess_words.h"
#ifndef OCTAVO_RUNTIME_ONLY
#include "graph/graph.h"
#endif

namespace octavo::command {

namespace {

struct Options {
  std::string model;
  ModelFlags flags;
  Output output;
};

struct Row {
  std::string name, op, reads, precision, kernel;
  std::vector<int64_t> output;
  int64_t macs = 0;
  std::vector<std::string> merged;
};

struct Inspected {
  std::vector<Row> rows;
  int64_t macs = 0, parameters = 0;
  size_t arena_bytes = 0, weight_bytes = 0;
};

Inspected inspect_plan(const Program& program) {
  const Plan& plan = program.plan();
  Inspected out;
  out.arena_bytes = program.arena_bytes();
  out.weight_bytes = program.weight_bytes();
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    const PlanTensor& tensor = plan.tensors[step.output];
    const int64_t macs = step_macs(plan, step);
    // The precision of a step is that of its output; a constant reads nothing.
    const std::string reads =
        step.inputs.empty() ? "" : type_name(plan.tensors[step.inputs[0]].type);
    out.rows.push_back({step.name,
                        std::string(step_operator_name(step.op)),
                        reads,
                        precision_text(reads, tensor.type),
                        program.kernel_name(i),
                        {tensor.shape.begin(), tensor.shape.end()},
                        macs,
                        step.merged});
    out.macs += macs;
    out.parameters += step_parameters(plan, step);
  }
  return out;
}

#ifndef OCTAVO_RUNTIME_ONLY
Inspected inspect_graph(const Graph& graph) {
  Inspected out;
  for (const Node& node : graph.nodes) {
    const Cost c = cost(graph, node);
    out.rows.push_back({node.name, std::string(operator_name(node.op)), "float32", "float32", "",
                        graph.tensors[node.output].shape, c.macs, node.merged});
  }
  const Cost total = cost(graph);
  out.macs = total.macs;
  out.parameters = total.parameters;
  return out;
}
#endif

Json preprocess_json(const Model& model) {
  if (!model.picture_input) return Json();
  const Preprocess& p = model.preprocess;
  return {{"size", std::array{p.height, p.width}},
          {"resize", p.squashes() ? Json(p.resize_exact) : Json(p.resize_short)},
          {"interpolation", word_of(p.interpolation, interpolation_words)},
          {"color", word_of(p.color, color_words)},
          {"mean", p.mean},
          {"std", p.std},
          {"exif_rotate", p.exif_rotate},
          {"via_nv12", p.via_nv12}};
}

Json to_json(const Options& options, const Model& model, const Inspected& inspected) {
  Json out = {{"model", options.model},
              {"kind", model.is_float() ? "float" : "plan"},
              {"input", model.input},
              {"classes", model.classes},
              {"output_kind", output_kind_name(model.output_kind)},
              {"labels", model.labels.size()},
              {"macs", inspected.macs},
              {"parameters", inspected.parameters},
              {"preprocess", preprocess_json(model)}};
  if (!model.is_float()) {
    const Provenance& from = model.program()->plan().provenance;
    out["isa"] = model.program()->isa();
    out["arena_bytes"] = inspected.arena_bytes;
    out["weight_bytes"] = inspected.weight_bytes;
    out["provenance"] = {{"tool_version", from.tool_version},
                         {"model_sha256", from.model_sha256},
                         {"calibration_sha256", from.calibration_sha256},
                         {"calibration_pictures", from.calibration_pictures},
                         {"options", from.options},
                         {"calibration_isa", from.calibration_isa}};
    out["report"] = Json::array();
    for (const StepReport& r : model.program()->plan().report) {
      out["report"].push_back({{"step", r.step},
                               {"cosine", r.cosine},
                               {"sqnr_db", r.sqnr_db},
                               {"cosine_alone", r.cosine_alone},
                               {"sqnr_alone_db", r.sqnr_alone_db}});
    }
  }
  out["steps"] = Json::array();
  for (const Row& row : inspected.rows) {
    out["steps"].push_back({{"name", row.name},
                            {"op", row.op},
                            {"reads", row.reads},
                            {"precision", row.precision},
                            {"output", row.output},
                            {"macs", row.macs},
                            {"kernel", row.kernel},
                            {"merged", row.merged}});
  }
  return out;
}

void print_text(const Model& model, const Inspected& inspected) {
  print_out(
      "input        {}x{}x{}\nclasses      {}\nMACs         {:.1f} M\nparameters   {:.3f} M\n",
      model.input[0], model.input[1], model.input[2], model.classes,
      static_cast<double>(inspected.macs) / 1e6, static_cast<double>(inspected.parameters) / 1e6);
  if (model.picture_input) {
    const Preprocess& p = model.preprocess;
    const std::string size = p.squashes()
                                 ? fmt::format("to {}x{}", p.resize_exact[0], p.resize_exact[1])
                                 : fmt::format("short side {}", p.resize_short);
    print_out("pictures     {} ({}), crop {}x{}, {}, mean {} {} {}, std {} {} {}\n", size,
              word_of(p.interpolation, interpolation_words), p.height, p.width,
              word_of(p.color, color_words), p.mean[0], p.mean[1], p.mean[2], p.std[0], p.std[1],
              p.std[2]);
  }
  if (!model.is_float()) {
    const Provenance& from = model.program()->plan().provenance;
    print_out("memory       arena {:.2f} MB, weights {:.2f} MB ({})\n",
              static_cast<double>(inspected.arena_bytes) / 1e6,
              static_cast<double>(inspected.weight_bytes) / 1e6, model.program()->isa());
    const std::string pictures =
        from.calibration_pictures == 0
            ? std::string("no pictures")
            : fmt::format("{} pictures {:.12}", from.calibration_pictures, from.calibration_sha256);
    print_out("made by      octavo {} from model {:.12}, {}, on {}\n", from.tool_version,
              from.model_sha256, pictures, from.calibration_isa);
  }
  Table table({"step", "operator", "precision", "output", "MMACs", "kernel"},
              {false, false, false, false, true, false});
  for (const Row& row : inspected.rows) {
    table.add({row.name, row.op, row.precision, list_text(row.output),
               fixed(static_cast<double>(row.macs) / 1e6, 2), row.kernel});
  }
  print_out("\n{}", table.text());
}

int run(const Options& options) {
  auto model_options = options.flags.parse();
  if (!model_options) return fail(model_options.error());
  auto model = open_model(options.model, *model_options);
  if (!model) return fail(model.error());
  for (const std::string& text : model->notes) note(options.output, text);
#ifndef OCTAVO_RUNTIME_ONLY
  const Inspected inspected =
      model->is_float() ? inspect_graph(model->graph()) : inspect_plan(*model->program());
#else
  const Inspected inspected = inspect_plan(*model->program());
#endif
  if (options.output.json) {
    print_json(to_json(options, *model, inspected));
  } else {
    print_text(*model, inspected);
  }
  return exit_done;
}

}  // namespace

void add_inspect(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("inspect", "shapes, precision, sizes and provenance");
  command->example("octavo inspect model.octavo");
  command->add_option("MODEL", o->model, "a plan (.octavo) or a float model (.onnx)")->required();
  o->flags.add(*command);
  o->flags.add_output_name(*command);
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
