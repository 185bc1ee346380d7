// octavo bench MODEL...: one-frame latency by threads, throughput by streams, layers.

#include <fmt/core.h>

#include <algorithm>

#include "base/choose.h"
#include "base/text.h"
#include "command/flags.h"
#include "command/print.h"
#include "evaluate/host.h"
#include "evaluate/latency.h"
#include "image/image.h"

namespace octavo::command {

namespace {

struct Options {
  std::vector<std::string> models;
  std::string threads = "1", streams, input;
  double seconds = 2, warmup = 0.3, rate = 0;
  int64_t frames = 0;
  bool layers = false;
  std::string depth_first = "pays";
  int64_t cache_kib = 0;
  ModelFlags flags;
  Output output;
};

// Of `asked`, what a model can do: the float engine takes one thread a picture.
std::vector<LatencySetting> possible(const Model& model, std::vector<LatencySetting> asked) {
  if (model.is_float()) std::erase_if(asked, [](const LatencySetting& s) { return s.threads > 1; });
  return asked;
}

struct Row {
  const Model* model = nullptr;
  LatencySetting setting;
  LatencyRun run;
};

constexpr std::array<Word<DepthFirst::Where>, 3> depth_first_words{
    {{"pays", DepthFirst::Where::it_pays},
     {"never", DepthFirst::Where::nowhere},
     {"always", DepthFirst::Where::possible}}};

Result<Json> measure_layers(const Model& model, int threads, Table& table) {
  const Plan& plan = model.program()->plan();
  const auto times = median_step_times(model, threads);
  if (!times) return times.error();
  Json layers = Json::array();
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const double us = (*times)[i];
    const int64_t macs = step_macs(plan, plan.steps[i]);
    const double rate = us > 0 ? static_cast<double>(macs) / us / 1e3 : 0;
    const std::string op(step_operator_name(plan.steps[i].op));
    layers.push_back({{"name", plan.steps[i].name},
                      {"op", op},
                      {"us", us},
                      {"gmacs", rate},
                      {"kernel", model.program()->kernel_name(i)}});
    table.add(
        {plan.steps[i].name, op, model.program()->kernel_name(i), fixed(us, 1), fixed(rate, 1)});
  }
  return layers;
}

Json latency_json(const Latency& ms) {
  return {{"mean", ms.mean}, {"p50", ms.p50}, {"p90", ms.p90}, {"p95", ms.p95},
          {"p99", ms.p99},   {"min", ms.min}, {"max", ms.max}, {"std", ms.std}};
}

std::string isa_of(const Model& model) {
  return model.is_float() ? "float32" : model.program()->isa();
}

Json rows_json(const std::vector<Row>& rows) {
  Json out = Json::array();
  for (const Row& row : rows) {
    out.push_back({{"model", row.model->path},
                   {"threads", row.setting.threads},
                   {"streams", row.setting.streams},
                   {"isa", isa_of(*row.model)},
                   {"ms", latency_json(row.run.ms)},
                   {"fps", row.run.fps},
                   {"frames", row.run.ms.frames},
                   {"missed", row.run.missed},
                   {"jitter_ms", row.run.jitter_ms}});
  }
  return out;
}

void print_rows(const std::vector<Row>& rows, bool rate) {
  std::vector<std::string> header{"model", "isa", "threads", "streams", "ms p50",
                                  "p90",   "p99", "min",     "frames/s"};
  if (rate) header.insert(header.end(), {"missed", "jitter ms"});
  Table table(header, {false, false, true, true, true, true, true, true, true, true, true});
  for (const Row& row : rows) {
    const Latency& ms = row.run.ms;
    std::vector<std::string> cells{row.model->path,
                                   isa_of(*row.model),
                                   concat(row.setting.threads),
                                   concat(row.setting.streams),
                                   fixed(ms.p50, 3),
                                   fixed(ms.p90, 3),
                                   fixed(ms.p99, 3),
                                   fixed(ms.min, 3),
                                   fixed(row.run.fps, 1)};
    if (rate) cells.insert(cells.end(), {concat(row.run.missed), fixed(row.run.jitter_ms, 3)});
    table.add(std::move(cells));
  }
  write_out(table.text());
}

Result<std::vector<LatencySetting>> settings(const Options& options) {
  std::vector<LatencySetting> out;
  auto threads = parse_counts("--threads", options.threads);
  if (!threads) return threads.error();
  for (const int t : *threads) out.push_back({t, 1});
  if (options.streams.empty()) return out;
  auto streams = parse_counts("--streams", options.streams);
  if (!streams) return streams.error();
  for (const int s : *streams) {
    const bool known = std::any_of(out.begin(), out.end(), [s](const LatencySetting& setting) {
      return setting.threads == 1 && setting.streams == s;
    });
    if (!known) out.push_back({1, s});
  }
  return out;
}

int run(const Options& options) {
  auto model_options = options.flags.parse();
  if (!model_options) return fail(model_options.error());
  const auto where = choose("--depth-first", options.depth_first, depth_first_words);
  if (!where) return fail(where.error());
  model_options->depth_first = {*where, static_cast<size_t>(options.cache_kib) << 10};
  auto asked = settings(options);
  if (!asked) return fail(asked.error());
  std::optional<PictureSource> file;
  if (!options.input.empty()) {
    auto parsed = parse_source(options.input);
    if (!parsed) return fail(parsed.error());
    file = std::move(*parsed);
  }
  auto opened = open_models(options.models, *model_options);
  if (!opened) return fail(opened.error());
  const std::vector<Model>& models = *opened;
  for (const Model& model : models) {
    for (const std::string& text : model.notes) note(options.output, model.path + ": " + text);
    if (possible(model, *asked).size() < asked->size()) {
      note(options.output,
           model.path + ": a float model runs on one thread, settings of more are left out");
    }
  }
  LatencyOptions latency;
  latency.seconds = options.seconds;
  latency.frames = options.frames;
  latency.warmup_seconds = options.warmup;
  latency.frames_per_second = options.rate;
  std::vector<Row> rows;
  for (const Model& model : models) {
    for (const LatencySetting& setting : possible(model, *asked)) {
      auto run = measure_model(model, setting, file, latency);
      if (!run) return fail(run.error());
      rows.push_back({&model, setting, *run});
    }
  }
  Json layers = Json::object();
  Table table({"step", "operator", "kernel", "us", "GMAC/s"}, {false, false, false, true, true});
  for (const Model& model : models) {
    if (!options.layers || model.is_float()) continue;
    auto measured = measure_layers(model, asked->front().threads, table);
    if (!measured) return fail(measured.error());
    layers[model.path] = *measured;
  }
  if (!options.output.json) {
    print_rows(rows, options.rate > 0);
    if (options.layers) print_out("\n{}", table.text());
    return exit_done;
  }
  const Model& first = models.front();
  Json out = {{"host", host_json()},
              {"runs", rows_json(rows)},
              {"load_ms", first.load_ms},
              {"arena_bytes", first.is_float() ? 0 : first.program()->arena_bytes()},
              {"weight_bytes", first.is_float() ? 0 : first.program()->weight_bytes()},
              {"peak_bytes", peak_resident_bytes()}};
  if (options.layers) out["layers"] = layers;
  print_json(out);
  return exit_done;
}

}  // namespace

void add_bench(CLI::App& program, Action& action) {
  const auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("bench", "latency, throughput, layers");
  command->example("octavo bench model.octavo --threads 1,2 --seconds 1");
  command->add_option("MODEL", o->models, "plans (.octavo) and float models (.onnx)")->required();
  o->flags.add(*command);
  o->flags.add_output_name(*command);
  command->remove_option("--threads");
  command->add_option("--threads", o->threads, "threads of one frame, for example 1,2,4")
      ->value("N,N")
      ->with_default();
  command->add_option("--streams", o->streams, "one-thread sessions at once, for example 1,2")
      ->value("N,N");
  command->add_option("--seconds", o->seconds, "to measure each")
      ->check(real_number(0.01, 3600))
      ->value("S")
      ->with_default();
  command->add_option("--frames", o->frames, "instead of seconds")
      ->check(whole_number(1, 100000000))
      ->value("N");
  command->add_option("--warmup", o->warmup, "seconds before")
      ->check(real_number(0, 600))
      ->value("S")
      ->with_default();
  command->add_option("--input", o->input, "end to end: decode and preprocess this file each frame")
      ->value("FILE");
  command->add_option("--rate", o->rate, "frames due a second: deadline misses and jitter")
      ->check(real_number(0.001, 100000))
      ->value("FPS");
  command->add_flag("--layers,!--no-layers", o->layers,
                    "a row a step, in a pass of its own, where each runs over its whole map");
  command
      ->add_option(
          "--depth-first", o->depth_first,
          "run chains of steps a few rows at a time: where maps between them are too large "
          "for a cache, nowhere, or wherever it can be done; no bit depends on it")
      ->choices({"pays", "never", "always"});
  command->add_option("--cache", o->cache_kib, "of a core, by which --depth-first judges")
      ->check(whole_number(1, 1 << 20))
      ->value("KIB")
      ->with_default("the machine's level 2");
  add_output_flags(*command, o->output);
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace octavo::command
