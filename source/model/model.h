// MODEL of the command line: a float ONNX file or a plan, opened and classified with
// the same words, so that float and int8 are compared on equal terms.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/output_kind.h"
#include "base/result.h"
#include "plan/preprocess.h"
#include "runtime/program.h"

namespace octavo {

struct Graph;

// What the user said of the preprocessing; empty fields come from the file or the preset.
struct PreprocessChoice {
  std::string preset;  // one of preset_names(), or "": the file's own, else torchvision
  std::optional<std::array<int, 2>> size;
  std::optional<int> resize_short;
  std::optional<std::array<int, 2>> resize_exact;  // height, width; excludes the two around it
  std::optional<double> crop_pct;
  std::optional<Interpolation> interpolation;
  std::optional<std::array<float, 3>> mean, std;
  std::optional<ColorOrder> color;
  std::optional<bool> exif_rotate, via_nv12;

  bool operator==(const PreprocessChoice&) const = default;
};

// What `above` says, and else what `below` does; a preset of `above` is whole.
PreprocessChoice override_choice(PreprocessChoice below, const PreprocessChoice& above);

const std::vector<std::string>& preset_names();
// height, width, channels: of the network's input. `stored`: preprocessing that the
// file carries, if any. A contradiction is a usage error.
Result<Preprocess> resolve_preprocess(const PreprocessChoice& choice,
                                      const std::optional<Preprocess>& stored, int height,
                                      int width, int channels);

struct ModelOptions {
  PreprocessChoice preprocess;
  std::string isa;  // "" for the best
  SessionOptions::Wait wait = SessionOptions::Wait::spin;
  DepthFirst depth_first;
  size_t most_memory = 0;  // bytes that a plan and its sessions may take; 0: what is free
  std::vector<std::string> disabled_rewrites;
  bool feature_map = false;  // a float model is fed tensors, though its input has a picture's shape
  std::string output_node;   // of a float model: where it ends; "": at the file's own output
  bool clip = false;         // tensors beyond what pixels hold are clipped to them, not refused
  bool strict = false;       // pictures that a decoder warns about are refused
  // What only a float model takes (preset, mean, std, disabled rewrites) is meant for another
  // one, so that it is no error for a plan.
  bool beside_float = false;
};

struct Model {
  std::string path;
  // As the caller chose or the file states it; where the file itself normalizes, a float graph's
  // own `normalization` has that too.
  Preprocess preprocess;
  bool picture_input = true;
  std::vector<std::string> labels;
  int outputs = 0;  // how many numbers a run gives
  OutputKind output_kind = OutputKind::logits;
  int classes = 0;                    // how many scores these give: two where there is one output
  bool clip = false, strict = false;  // as ModelOptions has them
  SessionOptions::Wait wait = SessionOptions::Wait::spin;  // and this
  std::array<int, 3> input{0, 0, 0};                       // h, w, c of what the network is fed
  // What runs: a plan, prepared, or a float graph, rewritten.
  std::variant<std::shared_ptr<const Program>, std::shared_ptr<const Graph>> network;
  std::vector<std::string> notes;  // what was assumed, for stderr
  double load_ms = 0;              // how long open_model took

  bool is_float() const { return network.index() == 1; }
  // Each of the kind that has it.
  const std::shared_ptr<const Program>& program() const {
    assert(!is_float());
    return *std::get_if<0>(&network);
  }
  const Graph& graph() const {
    assert(is_float());
    return **std::get_if<1>(&network);
  }
};

// By its first bytes or, where it is broken, by its name.
bool looks_like_plan(const std::string& path, std::span<const std::byte> bytes);

// A plan or ONNX, as it looks. A runtime-only build reads plans.
Result<Model> open_model(const std::string& path, const ModelOptions& options);
// The same in two steps: its bytes, and what is made of them; external data lies beside `path`.
Result<std::vector<std::byte>> read_model_file(const std::string& path);
Result<Model> open_model(const std::string& path, std::span<const std::byte> bytes,
                         const ModelOptions& options);
// A plan in memory as the model that open_model makes of its file. Of the options: isa,
// most_memory, wait, clip and strict.
Result<Model> model_of(Plan plan, const ModelOptions& options = {});
// Several, to be compared: what only a float model takes is an error only where all are plans.
Result<std::vector<Model>> open_models(const std::vector<std::string>& paths,
                                       const ModelOptions& options);

// One frame: either the u8 tensor [h, w, c] that preprocessing gives, or the float
// tensor [h, w, c] that a float network is fed. Used by one thread at a time.
struct Classifier {
  std::function<Status(std::span<const uint8_t> pixels, std::span<float> logits)> pixels;
  std::function<Status(std::span<const float> values, std::span<float> logits)> values;
};
// threads: of one frame; a float model always uses one.
Result<Classifier> make_classifier(const Model& model, int threads);

}  // namespace octavo
