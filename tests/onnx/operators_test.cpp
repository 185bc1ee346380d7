// What single operators become. Their numbers are compared with ONNX Runtime in
// test_import.py; here it is structure, the forms of different opsets, and refusals.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "onnx/model_writer.h"

namespace octavo::test {
namespace {

using Ints = std::vector<int64_t>;

ModelText one_node(NodeText node, std::vector<TensorBytes> initializers = {}, int64_t opset = 13) {
  ModelText model;
  model.nodes = {std::move(node)};
  model.initializers = std::move(initializers);
  model.opset = opset;
  return model;
}

Shape output_shape(const Graph& graph) {
  return graph.tensors.empty() ? Shape{} : graph.tensors[graph.output].shape;
}

std::vector<float> counting(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  return values;
}

TEST(Operators, ConvStandsBetweenTransposesAndItsWeightIsPermuted) {
  // [o = 2, i = 3, kh = 1, kw = 2] counting up becomes [o, kh, kw, i].
  const Graph graph = graph_of(
      one_node({"Conv", {"x", "w", "b"}, {"y"}, {}, "stem"},
               {float_tensor({2, 3, 1, 2}, counting(12), "w"), float_tensor({2}, {1, 2}, "b")}));
  ASSERT_EQ(graph.nodes.size(), 3u);
  EXPECT_EQ(std::get<Transpose>(graph.nodes[0].op).perm, (std::vector<int>{0, 2, 3, 1}));
  EXPECT_EQ(std::get<Transpose>(graph.nodes[2].op).perm, (std::vector<int>{0, 3, 1, 2}));
  EXPECT_EQ(graph.nodes[1].name, "stem");
  const Tensor& weight = graph.tensors[graph.nodes[1].inputs[1]];
  EXPECT_EQ(weight.shape, (Shape{2, 1, 2, 3}));
  EXPECT_EQ(*weight.values, (std::vector<float>{0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11}));
  EXPECT_EQ(output_shape(graph), (Shape{1, 2, 8, 7}));
  EXPECT_EQ(graph.tensors[graph.output].name, "y");
}

TEST(Operators, ConvReadsPadsStridesDilationsAndGroups) {
  const Graph graph =
      graph_of(one_node({"Conv",
                         {"x", "w"},
                         {"y"},
                         {attribute("pads", Ints{1, 2, 3, 4}), attribute("strides", Ints{2, 1}),
                          attribute("dilations", Ints{1, 2}), attribute("group", 3)}},
                        {float_tensor({3, 1, 2, 2}, counting(12), "w")}));
  const Node* node = only_node<Conv2d>(graph);
  ASSERT_NE(node, nullptr);
  const auto& op = std::get<Conv2d>(node->op);
  EXPECT_EQ(op.pads, (Pads{1, 2, 3, 4}));
  EXPECT_EQ(op.stride, (std::array{2, 1}));
  EXPECT_EQ(op.dilation, (std::array{1, 2}));
  EXPECT_EQ(op.groups, 3);
  EXPECT_EQ(output_shape(graph), (Shape{1, 3, 6, 12}));
}

TEST(Operators, SameUpperPadsBehindAndSameLowerBefore) {
  // 8 pixels, window 3, stride 2: 4 outputs need 1 pixel of padding.
  for (const bool upper : {true, false}) {
    const Graph graph =
        graph_of(one_node({"Conv",
                           {"x", "w"},
                           {"y"},
                           {attribute("auto_pad", upper ? "SAME_UPPER" : "SAME_LOWER"),
                            attribute("strides", Ints{2, 2})}},
                          {float_tensor({1, 3, 3, 3}, counting(27), "w")}));
    const Node* node = only_node<Conv2d>(graph);
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(std::get<Conv2d>(node->op).pads, (upper ? Pads{0, 0, 1, 1} : Pads{1, 1, 0, 0}));
    EXPECT_EQ(output_shape(graph), (Shape{1, 1, 4, 4}));
  }
}

TEST(Operators, ConvRefusesThreeDimensionsAndComputedWeights) {
  EXPECT_NE(error_of(one_node({"Conv", {"x", "w"}, {"y"}},
                              {float_tensor({1, 3, 1, 3, 3}, counting(27), "w")}))
                .find("of three dimensions those are known"),
            std::string::npos);
  EXPECT_NE(error_of(one_node({"Conv", {"x", "x"}, {"y"}})).find("weight is computed"),
            std::string::npos);
}

TEST(Operators, BatchNormalizationIsMergedInDoublePrecision) {
  const Graph graph = graph_of(one_node(
      {"BatchNormalization", {"x", "g", "b", "m", "v"}, {"y"}, {attribute("epsilon", 1e-3f)}},
      {float_tensor({3}, {1, 2, 3}, "g"), float_tensor({3}, {0.5, 0, -1}, "b"),
       float_tensor({3}, {10, 20, 30}, "m"), float_tensor({3}, {4, 0.25, 1e-8f}, "v")}));
  const Node* node = only_node<ChannelAffine>(graph);
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(std::get<ChannelAffine>(node->op).axis, 1);
  const double gamma[] = {1, 2, 3}, beta[] = {0.5, 0, -1}, mean[] = {10, 20, 30};
  const double variance[] = {4, 0.25, double{1e-8f}};
  for (size_t c = 0; c < 3; ++c) {
    const double factor = gamma[c] / std::sqrt(variance[c] + double{1e-3f});
    EXPECT_EQ((*graph.tensors[node->inputs[1]].values)[c], static_cast<float>(factor));
    EXPECT_EQ((*graph.tensors[node->inputs[2]].values)[c],
              static_cast<float>(beta[c] - mean[c] * factor));
  }
}

TEST(Operators, BatchNormalizationInTrainingModeIsRefused) {
  const std::vector<TensorBytes> vectors{float_tensor({3}, {1, 1, 1}, "g"),
                                         float_tensor({3}, {0, 0, 0}, "b")};
  const Names inputs{"x", "g", "b", "b", "g"};
  EXPECT_NE(
      error_of(one_node({"BatchNormalization", inputs, {"y"}, {attribute("training_mode", 1)}},
                        vectors, 14))
          .find("training mode"),
      std::string::npos);
  EXPECT_NE(error_of(one_node({"BatchNormalization", inputs, {"y", "mean", "var"}}, vectors, 14))
                .find("training mode"),
            std::string::npos);
}

// By hand: the rows 1 2 3 and 10 10 16 less their means, by their deviations sqrt(2/3) and sqrt(8).
TEST(Operators, BatchNormalizationInTrainingModeOfAConstantIsAConstant) {
  ModelText model = one_node({"Conv", {"x", "n"}, {"y"}},
                             {float_tensor({1, 3, 1, 3}, {1, 2, 3, 10, 10, 16, 0, 0, 0}, "w"),
                              float_tensor({3}, {1, 2, 1}, "g"), float_tensor({3}, {0, 1, 5}, "b"),
                              float_tensor({3}, {0, 0, 0}, "m")},
                             14);
  model.nodes.insert(model.nodes.begin(),
                     {"BatchNormalization",
                      {"w", "g", "b", "m", "g"},
                      {"n", "mean", "variance"},
                      {attribute("training_mode", 1), attribute("epsilon", 0.0f)}});
  EXPECT_NE(error_of(model), "");  // a deviation of 0, and no epsilon
  std::get<float>(model.nodes[0].attributes[1].value) = 1e-30f;
  const Graph graph = graph_of(model);
  const Node* node = only_node<Conv2d>(graph);
  ASSERT_NE(node, nullptr);
  const float a = std::sqrt(1.5f), b = std::sqrt(0.5f);
  const float expected[] = {-a, 1 - 2 * b, 5, 0, 1 - 2 * b, 5, a, 1 + 4 * b, 5};  // [1, kw, i]
  for (size_t i = 0; i < 9; ++i) {
    EXPECT_NEAR((*graph.tensors[node->inputs[1]].values)[i], expected[i], 1e-6f) << i;
  }
}

TEST(Operators, OfOtherDomainsAreRefusedByName) {
  NodeText foreign{"Gelu", {"x"}, {"y"}};
  foreign.domain = "com.example";
  EXPECT_NE(error_of(one_node(foreign)).find("com.example"), std::string::npos);
  foreign.domain = "com.microsoft";
  EXPECT_NE(only_node<Unary>(graph_of(one_node(foreign))), nullptr);
  foreign.op_type = "Gelo";
  EXPECT_NE(error_of(one_node(foreign)).find("the nearest that is: Gelu"), std::string::npos);
}

TEST(Operators, ClipTakesItsBoundsFromAttributesScalarsAndOneElementLists) {
  const TensorBytes low = float_tensor({}, {0}, "l"), high = float_tensor({1}, {6}, "h");
  const ModelText forms[] = {
      one_node({"Clip", {"x"}, {"y"}, {attribute("min", 0.0f), attribute("max", 6.0f)}}, {}, 6),
      one_node({"Clip", {"x", "l", "h"}, {"y"}}, {low, high}, 11),
      one_node({"Clip", {"x", "l", "h"}, {"y"}}, {low, high}, 13)};
  for (const ModelText& form : forms) {
    const Graph graph = graph_of(form);
    const Node* node = only_node<Unary>(graph);
    ASSERT_NE(node, nullptr);
    const auto& op = std::get<Unary>(node->op);
    EXPECT_EQ(op.kind, Unary::Kind::clip);
    EXPECT_EQ(op.alpha, 0);
    EXPECT_EQ(op.beta, 6);
  }
  const Graph relu = graph_of(one_node({"Clip", {"x", "l"}, {"y"}}, {low}));
  ASSERT_NE(only_node<Unary>(relu), nullptr);
  EXPECT_EQ(std::get<Unary>(only_node<Unary>(relu)->op).kind, Unary::Kind::relu);
}

TEST(Operators, SoftmaxBeforeOpset13WorksOnAMatrix) {
  // Axis 1 of [1, 3, 8, 8] means rows of 3 * 8 * 8.
  const Graph old = graph_of(one_node({"Softmax", {"x"}, {"y"}}, {}, 11));
  ASSERT_EQ(old.nodes.size(), 3u);
  EXPECT_EQ(std::get<Reshape>(old.nodes[0].op).shape, (Shape{1, 192}));
  EXPECT_EQ(output_shape(old), (Shape{1, 3, 8, 8}));
  const Graph now = graph_of(one_node({"Softmax", {"x"}, {"y"}}, {}, 13));
  ASSERT_EQ(now.nodes.size(), 1u);
  EXPECT_EQ(std::get<Softmax>(now.nodes[0].op).axis, 3);
  const Graph last = graph_of(one_node({"Softmax", {"x"}, {"y"}, {attribute("axis", 3)}}, {}, 11));
  EXPECT_EQ(last.nodes.size(), 1u);
}

TEST(Operators, ReductionsTakeAxesAsAttributeOrInput) {
  const TensorBytes axes = int64_tensor({2}, {-1, -2}, "a");
  for (const ModelText& form :
       {one_node(
            {"ReduceMean", {"x"}, {"y"}, {attribute("axes", Ints{2, 3}), attribute("keepdims", 0)}},
            {}, 17),
        one_node({"ReduceMean", {"x", "a"}, {"y"}, {attribute("keepdims", 0)}}, {axes}, 18)}) {
    const Graph graph = graph_of(form);
    const Node* node = only_node<Reduce>(graph);
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(std::get<Reduce>(node->op).axes, (std::vector<int>{2, 3}));
    EXPECT_EQ(output_shape(graph), (Shape{1, 3}));
  }
}

TEST(Operators, SplitMakesASliceAnOutputThatIsRead) {
  ModelText model = one_node({"Split", {"x"}, {"a", "unread", "y"}, {attribute("axis", 1)}});
  const Graph graph = graph_of(model);
  ASSERT_EQ(graph.nodes.size(), 1u);
  const auto& op = std::get<Slice>(graph.nodes[0].op);
  EXPECT_EQ(op.starts, (Shape{0, 2, 0, 0}));
  EXPECT_EQ(op.sizes, (Shape{1, 1, 8, 8}));
  model.nodes[0].outputs = {"a", "y"};
  EXPECT_NE(error_of(model).find("does not split"), std::string::npos);
  model.opset = 18;
  model.nodes[0].attributes.push_back(attribute("num_outputs", 2));
  EXPECT_EQ(output_shape(graph_of(model)), (Shape{1, 1, 8, 8}));
}

TEST(Operators, GemmFoldsAlphaBetaAndAScalarBias) {
  ModelText model =
      one_node({"Gemm",
                {"m", "w", "c"},
                {"y"},
                {attribute("alpha", 2.0f), attribute("beta", 3.0f), attribute("transB", 1)}},
               {float_tensor({4, 192}, counting(768), "w"), float_tensor({}, {5}, "c")});
  model.nodes.insert(model.nodes.begin(), NodeText{"Flatten", {"x"}, {"m"}});
  const Graph graph = graph_of(model);
  const Node* node = only_node<MatMul>(graph);
  ASSERT_NE(node, nullptr);
  EXPECT_TRUE(std::get<MatMul>(node->op).transpose_b);
  EXPECT_EQ((*graph.tensors[node->inputs[1]].values)[10], 20);
  EXPECT_EQ(*graph.tensors[node->inputs[2]].values, (std::vector<float>{15, 15, 15, 15}));
  EXPECT_EQ(output_shape(graph), (Shape{1, 4}));
}

TEST(Operators, IdentityDropoutAndAnIdentityGatherDisappear) {
  ModelText model;
  model.nodes = {{"Identity", {"x"}, {"a"}},
                 {"Dropout", {"a"}, {"b"}},
                 {"Gather", {"b", "order"}, {"c"}, {attribute("axis", 1)}},
                 {"Relu", {"c"}, {"y"}}};
  model.initializers = {int64_tensor({3}, {0, 1, -1}, "order")};
  EXPECT_EQ(graph_of(model).nodes.size(), 1u);
  EXPECT_EQ(rows_of(model)[1].becomes, "folded");
  EXPECT_EQ(rows_of(model)[3].becomes, "relu");
}

TEST(Operators, PReluWithOneSlopeIsALeakyRelu) {
  const Graph graph = graph_of(
      one_node({"PRelu", {"x", "s"}, {"y"}}, {float_tensor({3, 1, 1}, {0.2f, 0.2f, 0.2f}, "s")}));
  const Node* node = only_node<Unary>(graph);
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(std::get<Unary>(node->op).kind, Unary::Kind::leaky_relu);
  EXPECT_EQ(std::get<Unary>(node->op).alpha, 0.2f);
}

TEST(Operators, ScatterNDThatIsNoPartOfTheTensorIsRefused) {
  const TensorBytes updates = float_tensor({2, 8, 8}, std::vector<float>(128), "u");
  for (const Ints& channels : {Ints{0, 0, 0, 2}, Ints{0, 1, 0, 0}, Ints{0, 2, 0, 3}}) {
    const std::string error = error_of(one_node(
        {"ScatterND", {"x", "i", "u"}, {"y"}}, {int64_tensor({2, 2}, channels, "i"), updates}, 16));
    EXPECT_NE(error.find("rectangular"), std::string::npos) << error;
  }
}

TEST(Operators, AllUnsupportedNodesAreNamedInOneError) {
  ModelText model;
  model.nodes = {{"ConvInteger", {"x", "s"}, {"q"}, {}, "first"},
                 {"Relu", {"q"}, {"r"}, {}, "between"},
                 {"GridSample", {"r"}, {"e"}, {}, "second"},
                 {"Softplux", {"e"}, {"f"}, {}, "third"},
                 {"Fancy", {"f"}, {"y"}, {}, "fourth", "com.example"}};
  model.initializers = {float_tensor({}, {1}, "s")};
  const std::string error = error_of(model);
  for (const char* part :
       {"4 nodes", "'first' (ConvInteger)", "dynamic quantization", "'second' (GridSample)",
        "'third'", "Softplus", "'fourth' (Fancy)", "com.example"}) {
    EXPECT_NE(error.find(part), std::string::npos) << part << " in " << error;
  }
  EXPECT_EQ(error.find("between"), std::string::npos);
  const std::vector<ImportRow> rows = rows_of(model);
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_TRUE(rows[0].becomes.starts_with("unsupported: "));
  EXPECT_FALSE(rows[1].becomes.starts_with("unsupported: "));
  EXPECT_EQ(rows[2].op_type, "GridSample");
}

TEST(Operators, TheListOfUnsupportedNodesIsCapped) {
  ModelText model;
  for (int i = 0; i < 50; ++i) {
    const std::string from = i == 0 ? "x" : concat("v", i), to = i == 49 ? "y" : concat("v", i + 1);
    model.nodes.push_back({"GridSample", {from}, {to}, {}, concat("n", i)});
  }
  const std::string error = error_of(model);
  EXPECT_NE(error.find("50 nodes"), std::string::npos);
  EXPECT_NE(error.find("'n19'"), std::string::npos);
  EXPECT_EQ(error.find("'n20'"), std::string::npos);
  EXPECT_NE(error.find("and 30 more"), std::string::npos);
}

TEST(Operators, AnOpsetIsRefusedOnlyWhereAVersionInUseIsUnknown) {
  // Opset 1 has BatchNormalization of another meaning, but Softplus of the same.
  EXPECT_EQ(graph_of(one_node({"Softplus", {"x"}, {"y"}}, {}, 1)).nodes.size(), 1u);
  EXPECT_NE(error_of(one_node({"Add", {"x", "x"}, {"y"}}, {}, 6)).find("opset 6"),
            std::string::npos);
  for (const int64_t opset : {11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}) {
    EXPECT_EQ(graph_of(one_node({"Add", {"x", "x"}, {"y"}}, {}, opset)).nodes.size(), 1u);
  }
  EXPECT_NE(error_of(one_node({"Add", {"x", "x"}, {"y"}}, {}, 99)).find("opset 99"),
            std::string::npos);
}

TEST(Operators, AnAttributeThatNobodyKnowsIsNotIgnored) {
  EXPECT_NE(error_of(one_node({"Relu", {"x"}, {"y"}, {attribute("slope", 1)}})).find("'slope'"),
            std::string::npos);
}

TEST(Operators, AnAttributeOfTheWrongTypeIsRefused) {
  EXPECT_NE(
      error_of(one_node({"Softmax", {"x"}, {"y"}, {attribute("axis", 1.0f)}})).find("integer"),
      std::string::npos);
  EXPECT_NE(error_of(one_node({"Elu", {"x"}, {"y"}, {attribute("alpha", 1)}})).find("float"),
            std::string::npos);
}

TEST(Operators, LoopsAreRefusedWithAReason) {
  EXPECT_NE(error_of(one_node({"Loop", {"", "c", "x"}, {"y"}}, {raw_tensor(9, {}, "\x01", "c")}))
                .find("control flow"),
            std::string::npos);
}

TEST(Operators, AContradictionNamesTheNodeAndTheShapes) {
  const std::string error = error_of(one_node({"Conv", {"x", "w"}, {"y"}, {}, "stem"},
                                              {float_tensor({2, 4, 1, 1}, counting(8), "w")}));
  EXPECT_NE(error.find("'stem' (Conv)"), std::string::npos) << error;
  EXPECT_NE(error.find("[1, 8, 8, 3]"), std::string::npos) << error;
}

TEST(Operators, AttentionIsWrittenOutUnderItsName) {
  const Graph graph = graph_of(one_node({"Attention", {"x", "x", "x"}, {"y"}, {}, "attn"}, {}, 23));
  ASSERT_EQ(graph.nodes.size(), 4u);
  EXPECT_TRUE(std::get<MatMul>(graph.nodes[0].op).transpose_b);
  EXPECT_EQ(std::get<Softmax>(graph.nodes[2].op).axis, 3);
  EXPECT_TRUE(std::holds_alternative<MatMul>(graph.nodes[3].op));
  EXPECT_EQ(graph.nodes[3].name, "attn");
}

TEST(Operators, AttentionRefusesWhatItLacks) {
  const auto refused = [](std::vector<Attribute> attributes) {
    return error_of(
        one_node({"Attention", {"x", "x", "x"}, {"y"}, std::move(attributes), "attn"}, {}, 23));
  };
  EXPECT_NE(refused({attribute("is_causal", 1)}).find("is_causal"), std::string::npos);
  EXPECT_NE(refused({attribute("softcap", 2.0F)}).find("softcap"), std::string::npos);
}

}  // namespace
}  // namespace octavo::test
