// A row of the zoo's table: what was measured of one model, and why what is missing is missing.
// `zoo build` writes one as FOLDER/NAME.json, `zoo table` reads them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace octavo::zoo {

// Where a row was measured: figures of different hosts are not comparable.
struct RowHost {
  std::string cpu, isa, compiler, version;
  int physical_cores = 0;
};

// Float file and plan over the same labelled pictures; in percent, as `eval` says it.
struct RowAccuracy {
  std::string data;  // the data set's name, not its path
  int64_t n = 0;
  double float_top1 = 0, quantized_top1 = 0;
  std::array<double, 2> float_ci95{}, quantized_ci95{};  // Wilson
  double drop = 0;                                       // float - quantized, paired
  std::array<double, 2> drop_ci95{};
  double agree = 0;  // pictures of which both say the same
  std::string verdict;
};

// The median frame of `bench`, in milliseconds.
struct RowLatency {
  int threads = 1;  // of one frame
  int streams = 1;  // one-thread sessions at once
  double ms = 0;    // p50
  double fps = 0;   // all streams together
};

struct Row {
  std::string name;     // of models.toml
  std::string weights;  // "pretrained ...", "made up, seed 1", or "" where the file does not say
  std::string model_sha256, plan_sha256;
  std::string measured;  // day, ISO 8601
  std::string options;   // of `zoo build`, those that figures depend on
  RowHost host;
  std::optional<std::array<int, 2>> input;  // height, width
  std::optional<int64_t> classes, parameters, macs;
  std::optional<int64_t> model_bytes, plan_bytes;
  std::optional<int64_t> calibration_pictures;
  std::optional<RowAccuracy> accuracy;
  std::optional<RowLatency> float_one_thread;  // Octavo's own float engine
  std::optional<RowLatency> one_thread;        // one frame, one thread
  std::optional<RowLatency> all_threads;       // one frame, as many threads as cores
  std::optional<RowLatency> all_streams;       // as many one-thread sessions as cores
  std::optional<int64_t> peak_bytes;           // resident, a process that runs one session
  std::optional<int64_t> build_peak_bytes;     // resident, of `octavo build`
  std::optional<double> build_seconds;
  // Why a figure is missing: the member's name ("accuracy", "one_thread", ...) to one sentence.
  std::map<std::string, std::string> reasons;
};

// JSON with "schema_version": 1; members that are absent are left out. from_json rejects what is
// not a row: a wrong type, a key that no member has, a number that is not finite.
std::string to_json(const Row& row);
Result<Row> row_from_json(const std::string& text, const std::string& path);

// Every *.json row of these folders, a model's newest `measured` last; not a row: Error.
Result<std::vector<Row>> read_rows(const std::vector<std::string>& folders);

}  // namespace octavo::zoo
