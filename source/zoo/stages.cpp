#include "zoo/stages.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "zoo/process.h"

namespace octavo::zoo {

namespace {

using Json = nlohmann::json;

constexpr double bench_warmup_seconds = 0.3;

// "123.675,116.28,103.53": of units of 0..1 to those of 0..255.
std::string bytes_of(const std::array<double, 3>& units) {
  char text[96];
  std::snprintf(text, sizeof text, "%.6g,%.6g,%.6g", 255 * units[0], 255 * units[1],
                255 * units[2]);
  return text;
}

// Runs `octavo ARGUMENTS --json -q` and lets `take` read its answer.
template <class Take>
Status run_stage(const Job& job, std::vector<std::string> arguments, const Take& take) {
  const std::string stage = "octavo " + arguments.front();
  arguments.insert(arguments.begin(), job.options.program);
  arguments.insert(arguments.end(), {"--json", "-q"});
  const auto ended = run_process(arguments, job.options.stop);
  if (!ended) return ended.error();
  if (!ended->well()) {
    constexpr std::string_view prefix = "octavo: ";
    std::string reason = ended->last_error;
    if (reason.starts_with(prefix)) reason.erase(0, prefix.size());
    if (ended->code > 128) reason = concat("ended by signal ", ended->code - 128);
    return rejected(
        concat(stage, ": ", reason.empty() ? concat("exit code ", ended->code) : reason));
  }
  try {
    take(Json::parse(ended->output), *ended);
  } catch (const Json::exception& problem) {
    return failed(concat(stage, ": its answer cannot be read: ", problem.what()));
  }
  return {};
}

RowLatency latency_of(const Json& answer, int threads, int streams) {
  for (const Json& run : answer.at("runs")) {
    if (run.at("threads") != threads || run.at("streams") != streams) continue;
    return {threads, streams, run.at("ms").at("p50"), run.at("fps")};
  }
  throw Json::other_error::create(500, "the run that was asked for is missing", &answer);
}

// `octavo bench`, which warms up as long as it does by itself, but no longer than it measures.
std::vector<std::string> bench(const Job& job, std::vector<std::string> arguments) {
  const double seconds = job.options.seconds;
  arguments.insert(arguments.begin(), "bench");
  arguments.insert(arguments.end(), {"--seconds", concat(seconds), "--warmup",
                                     concat(std::min(seconds, bench_warmup_seconds))});
  return arguments;
}

std::vector<std::string> with_recipe(const Job& job, std::vector<std::string> arguments) {
  const std::vector<std::string> flags = job.recipe_flags();
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

}  // namespace

std::vector<std::string> Job::recipe_flags() const {
  if (file.states_preprocessing) return {};
  return {"--crop-pct",      concat(model.recipe.crop),
          "--interpolation", model.recipe.interpolation,
          "--mean",          bytes_of(model.recipe.mean),
          "--std",           bytes_of(model.recipe.std),
          "--color",         "rgb"};
}

Status inspect_float(const Job& job, Row& row) {
  return run_stage(job, {"inspect", job.file.path}, [&](const Json& answer, const Ended&) {
    const Json& input = answer.at("input");
    row.input = std::array<int, 2>{input.at(0), input.at(1)};
    row.classes = answer.at("classes").get<int64_t>();
    row.parameters = answer.at("parameters").get<int64_t>();
    row.macs = answer.at("macs").get<int64_t>();
  });
}

Status quantize(const Job& job, Row& row) {
  std::vector<std::string> arguments =
      with_recipe(job, {"build", job.file.path, "-o", job.plan, "--overwrite", "--calib",
                        job.options.calibration, "--samples", concat(job.options.samples)});
  if (!job.options.labels.empty()) {
    arguments.insert(arguments.end(), {"--labels", job.options.labels});
  }
  return run_stage(job, std::move(arguments), [&](const Json& answer, const Ended&) {
    row.plan_sha256 = answer.at("sha256");
    row.plan_bytes = answer.at("bytes").get<int64_t>();
    row.calibration_pictures = answer.at("pictures").get<int64_t>();
    row.build_seconds = answer.at("seconds").get<double>();
    row.build_peak_bytes = answer.at("peak_bytes").get<int64_t>();
  });
}

Status evaluate(const Job& job, Row& row) {
  const std::string& data = job.options.eval_data;
  const std::vector<std::string> arguments = with_recipe(
      job, {"eval", job.file.path, job.plan, "--data", data, "--limit", concat(job.options.limit)});
  return run_stage(job, arguments, [&](const Json& answer, const Ended&) {
    const Json& models = answer.at("models");
    const Json& paired = answer.at("paired").at(0);
    RowAccuracy out;
    out.data = data_name(data);
    out.n = answer.at("n");
    out.float_top1 = models.at(0).at("top1");
    out.float_ci95 = models.at(0).at("top1_ci95");
    out.quantized_top1 = models.at(1).at("top1");
    out.quantized_ci95 = models.at(1).at("top1_ci95");
    out.drop = paired.at("drop");
    out.drop_ci95 = paired.at("drop_ci95");
    out.agree = paired.at("agree");
    out.verdict = paired.at("verdict");
    row.accuracy = out;
  });
}

Status measure_plan(const Job& job, Row& row) {
  const int cores = row.host.physical_cores;
  const std::string threads = cores == 1 ? "1" : concat("1,", cores);
  return run_stage(job, bench(job, {job.plan, "--threads", threads, "--streams", concat(cores)}),
                   [&](const Json& answer, const Ended&) {
                     row.host.isa = answer.at("runs").at(0).at("isa");
                     row.one_thread = latency_of(answer, 1, 1);
                     row.all_threads = latency_of(answer, cores, 1);
                     row.all_streams = latency_of(answer, 1, cores);
                   });
}

Status measure_float(const Job& job, Row& row) {
  return run_stage(job, bench(job, {job.file.path}), [&](const Json& answer, const Ended&) {
    row.float_one_thread = latency_of(answer, 1, 1);
  });
}

Status measure_memory(const Job& job, Row& row) {
  return run_stage(job, {"bench", job.plan, "--frames", "5", "--warmup", "0"},
                   [&](const Json& answer, const Ended&) {
                     row.peak_bytes = answer.at("peak_bytes").get<int64_t>();
                   });
}

}  // namespace octavo::zoo
