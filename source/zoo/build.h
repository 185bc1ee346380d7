// From a model's name to its measured row: get the float file, quantize, evaluate, measure.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "zoo/index.h"
#include "zoo/models.h"
#include "zoo/pull.h"
#include "zoo/row.h"

namespace octavo::zoo {

struct BuildOptions {
  std::string program;               // this program: each stage is a process of its own, so that
                                     // its peak memory is measured and its end harms no other row
  std::string out;                   // folder of plans and rows
  std::vector<std::string> folders;  // where a model's FILE is looked for first
  std::optional<Index> index;        // then here
  PullOptions pull;
  std::string python, exporter;  // then zoo/export.py; "" where there is none
  std::string weights = "1";     // for the exporter: pretrained, or the seed of made-up ones
  std::string calibration, eval_data, labels;
  int samples = 300;   // calibration pictures
  int limit = 0;       // evaluation pictures; 0: all
  double seconds = 2;  // of each latency
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const std::string& name, const std::string& stage)> progress;
};

struct Built {
  Row row;
  bool was_there = false;             // measured earlier, from the same file with the same options
  std::vector<std::string> failures;  // one line each; the row says the same under `reasons`
};

// Writes OUT/NAME.octavo and OUT/NAME.json. A model that cannot be got or quantized is a row with
// reasons, not an Error; an Error is what would stop every other model too (disk, interrupt).
Result<Built> build_row(const Model& model, const BuildOptions& options);

}  // namespace octavo::zoo
