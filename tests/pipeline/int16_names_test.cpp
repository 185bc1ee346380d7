#include "pipeline/int16_names.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "quantize/build_graph.h"

namespace octavo {
namespace {

// conv_0, conv_1 (which "act" was merged into), their product "sum", a pool, a head.
Graph small_graph() {
  testing::GraphBuilder b({1, 4, 4, 3}, 1);
  const TensorId first = b.conv("conv_0", b.graph.input, 8);
  const TensorId second = b.conv("conv_1", first, 8);
  b.graph.nodes.back().merged = {"act"};
  const TensorId product = b.binary("sum", Binary::Kind::multiply, second, first);
  b.conv("head", b.global_pool("pool", product), 4);
  return b.graph;
}

std::vector<std::string> names(const NodePrecision& request) {
  const auto resolved = resolve_int16(small_graph(), std::vector{request});
  EXPECT_TRUE(resolved) << resolved.error().message;
  return resolved ? resolved->names : std::vector<std::string>{};
}

NodePrecision request(const std::string& name) {
  NodePrecision out;
  out.node = name;
  return out;
}

TEST(Int16Names, AnOutputIsNamedAsAsked) {
  NodePrecision output = request("act");
  output.output = true;
  EXPECT_EQ(names(output), std::vector<std::string>{"act"});
}

TEST(Int16Names, InputsAreTheOutputsOfTheirMakers) {
  NodePrecision all = request("sum");
  all.all_inputs = true;
  EXPECT_EQ(names(all), (std::vector<std::string>{"conv_1", "conv_0"}));
  NodePrecision second = request("sum");
  second.inputs = {1};
  EXPECT_EQ(names(second), std::vector<std::string>{"conv_0"});
}

TEST(Int16Names, TheNetworksInputStaysAsItIsAndThatIsSaid) {
  NodePrecision first = request("conv_0");
  first.all_inputs = true;
  const auto resolved = resolve_int16(small_graph(), std::vector{first});
  ASSERT_TRUE(resolved);
  EXPECT_TRUE(resolved->names.empty());
  ASSERT_EQ(resolved->notes.size(), 1u);
}

TEST(Int16Names, SuffixesAreStrippedUntilANodeIsFound) {
  EXPECT_EQ(without_suffixes("/a/Div_mul"), std::vector<std::string>{"/a/Div"});
  EXPECT_EQ(without_suffixes("/a/Gemm_reshape_output"),
            (std::vector<std::string>{"/a/Gemm_reshape", "/a/Gemm"}));
  EXPECT_EQ(without_suffixes("x_reshape_0"), std::vector<std::string>{"x"});
  EXPECT_EQ(without_suffixes("UNIT_CONV_FOR_/a/Add_1"), std::vector<std::string>{"/a/Add_1"});
  EXPECT_TRUE(without_suffixes("Conv_12").empty());   // the number is the node's
  EXPECT_TRUE(without_suffixes("/a_b/Div").empty());  // a folder is no suffix
  EXPECT_TRUE(without_suffixes("_x").empty());        // nothing would be left
  NodePrecision longer = request("conv_1_mul_reshape_0");
  longer.output = true;
  const auto resolved = resolve_int16(small_graph(), std::vector{longer});
  ASSERT_TRUE(resolved) << resolved.error().message;
  EXPECT_EQ(resolved->names, std::vector<std::string>{"conv_1"});
  ASSERT_EQ(resolved->notes.size(), 1u);
  EXPECT_NE(resolved->notes[0].find("'conv_1'"), std::string::npos);
}

TEST(Int16Names, AnUnknownNodeIsRefusedWithTheNearest) {
  NodePrecision wrong = request("heat");
  wrong.output = true;
  wrong.where = "line 3: node_info";
  const auto resolved = resolve_int16(small_graph(), std::vector{wrong});
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().kind, ErrorKind::rejected);
  EXPECT_EQ(resolved.error().message,
            "line 3: node_info names node 'heat', which the model has not; the nearest is 'head'");
  wrong.may_be_gone = true;
  EXPECT_TRUE(resolve_int16(small_graph(), std::vector{wrong}));
}

TEST(Int16Names, AllStepsHaveAName) {
  const auto all = all_step_nodes(small_graph());
  for (const char* name : {"conv_0", "conv_1", "sum", "pool", "head"}) {
    EXPECT_NE(std::find(all.begin(), all.end(), name), all.end()) << name;
  }
}

}  // namespace
}  // namespace octavo
