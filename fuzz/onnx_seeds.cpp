// Writes the seeds of fuzz_onnx into a folder: small networks of the kinds of heads, ends and
// inputs that people export.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "onnx/model_writer.h"

namespace {

using namespace octavo;
using namespace octavo::test;

using Ints = std::vector<int64_t>;

std::vector<float> ramp(size_t count) {
  std::vector<float> out(count);
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<float>(i % 7) * 0.25f - 0.7f;
  return out;
}

// Convolution, ReLU, global pool and Gemm to `classes`, whose value is "v"; then `end`, which
// gives "y".
ModelText network(int64_t classes, std::vector<NodeText> end, std::vector<TensorBytes> more = {}) {
  ModelText model;
  model.opset = 17;
  model.nodes = {
      {"Conv", {"x", "w", "b"}, {"c"}, {attribute("pads", Ints{1, 1, 1, 1})}},
      {"Relu", {"c"}, {"r"}},
      {"GlobalAveragePool", {"r"}, {"p"}},
      {"Flatten", {"p"}, {"f"}, {attribute("axis", 1)}},
      {"Gemm", {"f", "g", "h"}, {"v"}, {attribute("transB", 1)}},
  };
  model.initializers = {float_tensor({4, 3, 3, 3}, ramp(108), "w"), float_tensor({4}, ramp(4), "b"),
                        float_tensor({classes, 4}, ramp(static_cast<size_t>(classes) * 4), "g"),
                        float_tensor({classes}, ramp(static_cast<size_t>(classes)), "h")};
  model.nodes.insert(model.nodes.end(), std::make_move_iterator(end.begin()),
                     std::make_move_iterator(end.end()));
  for (TensorBytes& tensor : more) model.initializers.push_back(std::move(tensor));
  return model;
}

ModelText border(const char* mode) {
  ModelText model;
  model.nodes = {{"Relu", {"x"}, {"r"}},
                 {"Pad", {"r", "pads"}, {"q"}, {attribute("mode", mode)}},
                 {"MaxPool", {"q"}, {"y"}, {attribute("kernel_shape", Ints{3, 3})}}};
  model.initializers = {int64_tensor({8}, {0, 0, 1, 1, 0, 0, 1, 1}, "pads")};
  return model;
}

std::vector<ModelText> models() {
  std::vector<ModelText> out;
  // A branch that the file decides, and a function that it brings and calls twice.
  out.push_back(network(2,
                        {{"If",
                          {"yes"},
                          {"y"},
                          {{"then_branch", branch({{"Tanh", {"v"}, {"t"}}}, {"t"})},
                           {"else_branch", branch({{"NonZero", {"v"}, {"t"}}}, {"t"})}}}},
                        {raw_tensor(9, {}, std::string("\x01", 1), "yes")}));
  ModelText calling = network(2, {{"Leaky", {"v"}, {"l"}, {attribute("slope", 0.25f)}, "", "local"},
                                  {"Leaky", {"l"}, {"y"}, {}, "", "local"}});
  calling.functions = {{"local",
                        "Leaky",
                        {"a"},
                        {"b"},
                        {{"LeakyRelu", {"a"}, {"b"}, {Attribute{"alpha", Reference{"slope"}}}}},
                        17}};
  out.push_back(std::move(calling));
  out.push_back(network(2, {{"Greater", {"v", "h"}, {"m"}}, {"Where", {"m", "v", "h"}, {"y"}}}));
  out.push_back(network(1, {{"Squeeze", {"v"}, {"y"}}}));
  out.push_back(network(
      1,
      {{"Squeeze", {"v"}, {"s"}}, {"Sigmoid", {"s"}, {"t"}}, {"Unsqueeze", {"t", "axes"}, {"y"}}},
      {int64_tensor({1}, {0}, "axes")}));
  out.push_back(network(
      1, {{"Squeeze", {"v"}, {"s"}}, {"Mul", {"s", "two"}, {"t"}}, {"Add", {"t", "s"}, {"y"}}},
      {float_tensor({}, {2}, "two")}));
  out.push_back(network(5, {{"LogSoftmax", {"v"}, {"y"}, {attribute("axis", 1)}}}));
  out.push_back(network(5, {{"Sigmoid", {"v"}, {"s"}},
                            {"Softmax", {"v"}, {"t"}, {attribute("axis", 1)}},
                            {"Concat", {"s", "t"}, {"y"}, {attribute("axis", 1)}}}));
  out.push_back(network(5, {{"ReduceMean", {"v"}, {"y"}, {attribute("keepdims", 0)}}}));
  ModelText batch = network(5, {{"Relu", {"v"}, {"y"}}});
  batch.input = {int64_t{4}, int64_t{3}, int64_t{8}, int64_t{8}};
  out.push_back(batch);
  ModelText map;
  map.nodes = {{"Relu", {"x"}, {"r"}},
               {"Transpose", {"r"}, {"y"}, {attribute("perm", Ints{0, 2, 3, 1})}}};
  out.push_back(map);
  for (const char* mode : {"constant", "reflect", "edge"}) out.push_back(border(mode));
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: onnx_seeds FOLDER\n");
    return 2;
  }
  size_t index = 0;
  for (const ModelText& model : models()) {
    const std::string bytes = serialize(model);
    std::ofstream(std::string(argv[1]) + "/ends" + std::to_string(index++), std::ios::binary)
        << bytes;
  }
  return 0;
}
