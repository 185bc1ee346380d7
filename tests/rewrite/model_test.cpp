// The networks of the shared folder, if it is there: no Transpose is left, few operators
// are, and logits stay.
#include <cstdlib>
#include <filesystem>
#include <set>

#include "onnx/import.h"
#include "rewrite/build_graph.h"

namespace octavo {
namespace {

std::filesystem::path shared_folder() {
  const char* overridden = std::getenv("OCTAVO_SHARED");
  return overridden ? overridden : OCTAVO_SOURCE_DIR "/../shared";
}

class Model : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Shared, Model,
                         testing::Values("efficientnet_lite0", "mobilenet_v1_0.75",
                                         "mobilenet_v2_1.0", "mobilenet_v3_small_1.0",
                                         "shufflenet_v2_1.0", "regnet_x_200mf",
                                         "small/mobilenetv3_large_100", "small/repvgg_a0",
                                         "small/convnext_atto"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           for (char& c : name) c = std::isalnum(c) ? c : '_';
                           return name;
                         });

TEST_P(Model, IsNhwcWithoutTransposes) {
  const auto path = shared_folder() / "models" / (std::string(GetParam()) + ".onnx");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const Result<Import> imported = import_onnx(path.string());
  ASSERT_TRUE(imported) << imported.error().message;
  Graph after = imported->graph;
  test::rewrite_all(after);
  EXPECT_EQ(after.tensors[after.input].shape.back(), 3);
  static const std::set<std::string> allowed{
      "conv2d",   "relu",     "clip",   "hard_sigmoid", "hard_swish",   "gelu",    "add",
      "multiply", "max_pool", "gather", "concat",       "average_pool", "reshape", "layer_norm"};
  for (const Node& node : after.nodes) {
    EXPECT_TRUE(allowed.count(std::string(operator_name(node.op)))) << operator_name(node.op);
  }
  EXPECT_EQ(test::count(after, "reshape"), 1);
  EXPECT_TRUE(std::holds_alternative<Reshape>(after.nodes.back().op));
  test::expect_same_result(imported->graph, after);
}

}  // namespace
}  // namespace octavo
