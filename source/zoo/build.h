// From a model's name to its measured row: get the float file, quantize, evaluate, measure.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "zoo/index.h"
#include "zoo/lock.h"
#include "zoo/models.h"
#include "zoo/pull.h"
#include "zoo/row.h"

namespace octavo::zoo {

inline constexpr std::string_view how_to_install_exporter =
    "python3 -m venv .venv-zoo && .venv-zoo/bin/pip install -r zoo/requirements.txt "
    "--extra-index-url https://download.pytorch.org/whl/cpu";

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
  int64_t samples = 300;  // calibration pictures; 0: all
  int64_t limit = 0;      // evaluation pictures; 0: all
  double seconds = 2;     // of each latency
  bool rebuild = false;   // rows that are there too
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const std::string& name, const std::string& stage)> progress;
};

struct Built {
  Row row;
  std::string from;                   // of the float file: "folder", "index", "export", or ""
  bool was_there = false;             // measured earlier, from the same file with the same options
  std::vector<std::string> failures;  // one line each; the row says the same under `reasons`
};

// Makes `options.out`, and holds it: what a killed build left half-written there goes. An Error
// where another build works in it, where it cannot be written to, or where the options cannot lead
// to any row.
Result<FolderLock> begin_build(const BuildOptions& options);

// What --all means: the models of the reference's table, and those others that a source has.
std::vector<const Model*> buildable(const BuildOptions& options);

// Writes OUT/NAME.octavo and OUT/NAME.json. A model that cannot be got or quantized is a row with
// reasons, not an Error; an Error is what would stop every other model too (disk, interrupt).
Result<Built> build_row(const Model& model, const BuildOptions& options);

// How rows call a data set: by its name, not its path.
std::string data_name(const std::string& path);

}  // namespace octavo::zoo
