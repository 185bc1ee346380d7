// The table of models: what zoo/models.toml says of each, compiled into the program.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace octavo::zoo {

// What the board's own table (the classification chapter of the RDK X5 model zoo) states of a
// model; it names no sample size. Top-1 in percent, latency in milliseconds.
struct Reference {
  double parameters_m = 0;
  double float_top1 = 0, quantized_top1 = 0;
  double ms_one_thread = 0;    // one frame, one thread
  double ms_many_threads = 0;  // one frame of as many threads as saturate the NPU
  double fps = 0;              // with that many
};

// How the model's own recipe evaluates it; mean and std in 0..1 units of RGB.
struct Recipe {
  int size = 224;     // height and width of the published weights' input
  double crop = 1.0;  // of the short side
  std::string interpolation;
  std::array<double, 3> mean{}, std{};
};

struct Model {
  std::string name;  // as the reference table writes it
  std::string family;
  std::string architecture;  // CNN or Transformer
  std::string library;       // timm, torchvision, own; "" where no library makes the file
  std::string model, tag;    // the library's name, and that of the published weights
  std::string file;          // the usual file name; NAME.onnx unless the table says otherwise
  std::string licence;       // of the weights; "" where none is stated
  int input = 224;           // height and width that the zoo exports and measures
  int classes = 1000;
  Recipe recipe;
  std::optional<double> parameters_m;    // of the network as deployed, counted
  std::optional<double> published_top1;  // percent, at recipe.size
  std::string published_source;
  std::optional<Reference> reference;  // absent: not in the board's table
  std::string doubts;                  // where table, name and weights do not fit together
};

// All models, in the order of the table.
const std::vector<Model>& models();

// The model of that name (case does not matter); an unknown name is a usage Error that names
// the nearest known one.
Result<const Model*> find_model(const std::string& name);

// What zoo/models.toml holds, as text.
Result<std::vector<Model>> parse_models(const std::string& toml);

}  // namespace octavo::zoo
