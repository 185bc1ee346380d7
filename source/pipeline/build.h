// The whole way from model.onnx and a folder of pictures to a plan, in one call: what
// `octavo build` does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "evaluate/dataset.h"
#include "model/input.h"
#include "model/model.h"
#include "pipeline/calibration_cache.h"
#include "pipeline/int16_names.h"
#include "pipeline/output_distance.h"
#include "pipeline/search_file.h"
#include "plan/plan.h"
#include "quantize/quantize.h"
#include "search/search.h"
#include "search/try_wider.h"

namespace octavo {

// Calibration files without a header, whatever they are called.
struct Dumps {
  DumpFormat format;
  bool pixels = true;  // 0..255 before mean and std; else what the network is fed
};

// Calibration inputs that the caller has in memory. `load` is called from several threads, for each
// index more than once, and gives the same each time; the Error names the input.
struct CallerInputs {
  size_t count = 0;
  std::function<Result<NetworkInput>(const Model& model, size_t i)> load;
};

struct BuildOptions {
  ModelOptions model;
  std::string calibration;       // DATA
  bool synthetic = false;        // in its place pictures that are made (synthetic_pictures.h)
  CallerInputs inputs;           // or those of the caller, all of them
  size_t samples = 300;          // at most; 0: all
  CacheFile cache;               // of the calibration; no path: none
  CacheFile quantization_cache;  // likewise; not with bounds
  std::string evaluation;        // DATA for the overlap warning; may be empty
  std::string labels;            // FILE of class names; may be empty
  int class_offset = 0;
  std::optional<Dumps> dumps;        // none: the files of `calibration` say what they are
  std::vector<NodePrecision> int16;  // beside quantize.int16_nodes
  bool all_int16 = false;            // every step's output
  bool measure_output = false;       // fills BuildResult::output
  // Judged on `evaluation`, or else on calibration pictures that repairs are not made from.
  Bounds bounds;
  SearchFile search_file;
  QuantizeOptions quantize;  // threads, progress and stop are used throughout

  bool has_calibration() const { return synthetic || inputs.count > 0 || !calibration.empty(); }
};

// What a search for bounds tried (search.h).
struct SearchReport {
  std::vector<FrontierPoint> frontier;
  size_t chosen = 0;
  std::string missed;  // what stands in the way; "" where all bounds are kept
};

struct BuildResult {
  Plan plan;
  Model model;                          // the float one that it was made from
  size_t model_bytes = 0;               // of its file
  size_t pictures = 0;                  // that calibrated
  bool synthetic = false;               // these were made
  bool calibration_kept = false;        // --calib-cache had it
  bool quantization_kept = false;       // --quantization-cache had it
  size_t classes_seen = 0;              // 0 where the data set has no labels
  std::vector<std::string> unreadable;  // one sentence a picture
  std::vector<std::string> warnings, notes;
  std::optional<OutputDistance> output;  // over some of the calibration inputs
  std::optional<SearchReport> search;    // where there are bounds
  double seconds = 0;                    // that all of it took
};

// Quantizes, proves the plan by verify(), runs the golden inputs through the reference
// and through this machine's best kernels, and fails where they differ.
Result<BuildResult> build_plan(const std::string& model_path, const BuildOptions& options);

// What more 16-bit tensors would bring to a plan.
struct Advice {
  WideTrials trials;
  std::vector<std::string> unreadable;  // calibration pictures, a sentence each
  std::vector<std::string> notes;       // in what the trials are not of this plan
};

// `plan`, which was built from the model, is folded again from `options`' calibration pictures,
// as it is and wider, and judged on `judges`. Options are those that the plan was built with.
Result<Advice> advise(const std::string& model_path, const Plan& plan,
                      const std::vector<Sample>& judges, const BuildOptions& options);

}  // namespace octavo
