// Pairs of QuantizeLinear and DequantizeLinear. What a test expects is worked out by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/text.h"
#include "onnx/model_writer.h"

namespace octavo::test {
namespace {

constexpr int uint8 = 2, int8 = 3, uint16 = 4, int16 = 5, int32 = 6;

std::string raw_int32(const std::vector<int32_t>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(int32_t)};
}
TensorBytes byte(int type, int value, const std::string& name) {
  return raw_tensor(type, {}, std::string(1, static_cast<char>(value)), name);
}

// y = DequantizeLinear(QuantizeLinear(x)).
ModelText pair(float scale, int type, int zero) {
  ModelText model;
  model.nodes = {{"QuantizeLinear", {"x", "s", "z"}, {"q"}, {}, "quantize"},
                 {"DequantizeLinear", {"q", "s", "z"}, {"y"}, {}, "dequantize"}};
  model.initializers = {float_tensor({}, {scale}, "s"), byte(type, zero, "z")};
  return model;
}

// y = x + c, where DequantizeLinear makes c of the constant k: what c holds.
std::vector<float> dequantized(const Shape& shape, TensorBytes k, TensorBytes scale,
                               std::vector<TensorBytes> zero = {}, int64_t axis = 1) {
  ModelText model;
  model.input = Dims(shape.begin(), shape.end());
  Names inputs{"k", "s"};
  if (!zero.empty()) inputs.push_back("z");
  model.nodes = {
      {"DequantizeLinear", inputs, {"c"}, {{"axis", axis}}, "dequantize"},
      {"Add", {"x", "c"}, {"y"}},
  };
  model.initializers = {std::move(k), std::move(scale)};
  for (auto& tensor : zero) model.initializers.push_back(std::move(tensor));
  const Graph graph = graph_of(model);
  const Node* add = only_node<Binary>(graph);
  return add == nullptr ? std::vector<float>{} : *graph.tensors[add->inputs[1]].values;
}

void expect_refused(const ModelText& model, const std::string& node, const std::string& why) {
  const std::string error = error_of(model);
  EXPECT_NE(error.find(quoted(node)), std::string::npos) << error;
  EXPECT_NE(error.find(why), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

TEST(Quantization, APairOfEqualParametersIsOneNode) {
  const Graph graph = graph_of(pair(0.5f, uint8, 7));
  const Node* node = only_node<FakeQuantize>(graph);
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(std::get<FakeQuantize>(node->op), (FakeQuantize{{{0.5f}, {7}, 255}, 0}));
}

TEST(Quantization, SignedBytesAreShiftedByHalfTheirRange) {
  const Graph graph = graph_of(pair(0.25f, int8, -3));
  const Node* node = only_node<FakeQuantize>(graph);
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(std::get<FakeQuantize>(node->op).grid.zero_point, std::vector<int32_t>{125});
}

TEST(Quantization, WithoutAZeroPointItIsAnUnsignedByteFromZero) {
  ModelText model = pair(0.5f, uint8, 0);
  for (auto& node : model.nodes) node.inputs.pop_back();
  const Graph graph = graph_of(model);
  const Node* node = only_node<FakeQuantize>(graph);
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(std::get<FakeQuantize>(node->op).grid.zero_point, std::vector<int32_t>{0});
}

TEST(Quantization, ConstantsAreDequantizedByTensor) {
  EXPECT_EQ(
      dequantized({1, 3, 1, 1}, raw_tensor(int8, {1, 3, 1, 1}, std::string("\x80\x00\x7f", 3), "k"),
                  float_tensor({}, {0.5f}, "s"), {byte(int8, 1, "z")}),
      (std::vector<float>{-64.5f, -0.5f, 63.0f}));
  EXPECT_EQ(
      dequantized({1, 2, 1, 1}, raw_tensor(uint8, {1, 2, 1, 1}, std::string("\x00\xff", 2), "k"),
                  float_tensor({1}, {2.0f}, "s"),
                  {raw_tensor(uint8, {1}, std::string("\x80", 1), "z")}),
      (std::vector<float>{-256, 254}));
}

TEST(Quantization, ConstantsAreDequantizedAlongAnAxis) {
  const std::string eight{1, 2, 3, 4, 5, 6, 7, 8};
  const auto k = raw_tensor(int8, {1, 1, 2, 4}, eight, "k");
  EXPECT_EQ(dequantized({1, 1, 2, 4}, k, float_tensor({2}, {1, 10}, "s"),
                        {raw_tensor(int8, {2}, std::string{1, 5}, "z")}, -2),
            (std::vector<float>{0, 1, 2, 3, 0, 10, 20, 30}));
  EXPECT_EQ(dequantized({1, 1, 2, 4}, k, float_tensor({4}, {1, 10, 100, 1000}, "s"), {}, 3),
            (std::vector<float>{1, 20, 300, 4000, 5, 60, 700, 8000}));
}

TEST(Quantization, ABiasOf32BitsIsDequantizedInFloat) {
  EXPECT_EQ(
      dequantized({1, 2, 1, 1}, raw_tensor(int32, {1, 2, 1, 1}, raw_int32({1 << 30, -3}), "k"),
                  float_tensor({}, {0.5f}, "s")),
      (std::vector<float>{536870912.0f, -1.5f}));
}

TEST(Quantization, WeightsThatAreQuantizedOnTheSpotAreRoundedToEven) {
  // As NNCF writes them: the weight stays float in the file, the pair follows.
  ModelText model;
  model.input = {int64_t{1}, int64_t{1}, int64_t{3}, int64_t{2}};
  model.nodes = {{"QuantizeLinear", {"w", "s", "z"}, {"q"}, {{"axis", int64_t{0}}}, "quantize"},
                 {"DequantizeLinear", {"q", "s", "z"}, {"c"}, {{"axis", int64_t{0}}}, "dequantize"},
                 {"Add", {"x", "c"}, {"y"}}};
  model.initializers = {float_tensor({3, 2}, {0.5f, 1.5f, 300, -300, -3, 2.5f}, "w"),
                        float_tensor({3}, {1, 1, 2}, "s"),
                        raw_tensor(int8, {3}, std::string(3, '\0'), "z")};
  const Graph graph = graph_of(model);
  const Node* add = only_node<Binary>(graph);
  ASSERT_NE(add, nullptr);
  EXPECT_EQ(*graph.tensors[add->inputs[1]].values, (std::vector<float>{0, 2, 127, -128, -4, 2}));
}

TEST(Quantization, AWeightThatIsNoNumberBecomesSomeByte) {
  ModelText model;
  model.nodes = {{"QuantizeLinear", {"w", "s"}, {"q"}, {}, "quantize"},
                 {"DequantizeLinear", {"q", "s"}, {"c"}, {}, "dequantize"},
                 {"Add", {"x", "c"}, {"y"}}};
  model.initializers = {float_tensor({1}, {std::nanf("")}, "w"), float_tensor({}, {1}, "s")};
  const Graph graph = graph_of(model);
  const Node* add = only_node<Binary>(graph);
  ASSERT_NE(add, nullptr);
  EXPECT_EQ((*graph.tensors[add->inputs[1]].values)[0], 0.0f);
}

TEST(Quantization, APairThatDoesNotAgreeIsRefused) {
  ModelText model = pair(0.5f, uint8, 7);
  model.initializers.push_back(float_tensor({}, {0.25f}, "other"));
  model.nodes[1].inputs[1] = "other";
  expect_refused(model, "dequantize", "0.25");
}

TEST(Quantization, APairOfTwoTypesIsRefused) {
  ModelText model = pair(0.5f, uint8, 0);
  model.initializers.push_back(byte(int8, 0, "other"));
  model.nodes[1].inputs[2] = "other";
  expect_refused(model, "dequantize", "int8");
}

TEST(Quantization, ImpossibleScalesAreRefused) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const float scale : {0.0f, -0.5f, infinity, -infinity, std::nanf(""), 1e-38f, 1e38f}) {
    SCOPED_TRACE(scale);
    expect_refused(pair(scale, uint8, 7), "quantize", "scale");
  }
}

TEST(Quantization, AZeroPointOutsideItsTypeOrOfAnotherSizeIsRefused) {
  ModelText model = pair(0.5f, uint8, 7);
  model.initializers[1] = raw_tensor(int32, {}, raw_int32({1 << 20}), "z");
  expect_refused(model, "quantize", "int32");
  model.initializers[1] = raw_tensor(uint8, {2}, std::string("\x01\x01", 2), "z");
  expect_refused(model, "quantize", "zero point");
  model.initializers[1] = float_tensor({}, {7}, "z");
  expect_refused(model, "quantize", "zero point");
}

// As NNCF writes it in front of depthwise convolutions.
TEST(Quantization, AnActivationMayHaveAScaleAChannel) {
  ModelText model = pair(0.5f, uint8, 7);
  model.initializers = {float_tensor({3}, {1, 2, 3}, "s"),
                        raw_tensor(uint8, {3}, std::string{1, 2, 1}, "z")};
  Graph graph = graph_of(model);
  const Node* node = only_node<FakeQuantize>(graph);
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(std::get<FakeQuantize>(node->op), (FakeQuantize{{{1, 2, 3}, {1, 2, 1}, 255}, 1}));
  // Equal ones are one a tensor.
  model.initializers = {float_tensor({3}, {2, 2, 2}, "s"),
                        raw_tensor(uint8, {3}, std::string(3, '\1'), "z")};
  graph = graph_of(model);
  EXPECT_EQ(std::get<FakeQuantize>(only_node<FakeQuantize>(graph)->op),
            (FakeQuantize{{{2}, {1}, 255}, 0}));
}

TEST(Quantization, SixteenBitsAreIntegersFromZero) {
  ModelText model = pair(0.5f, uint8, 7);
  model.opset = 21;
  model.initializers[1] = raw_tensor(uint16, {}, std::string("\x00\x80", 2), "z");
  Graph graph = graph_of(model);
  const Node* node = only_node<FakeQuantize>(graph);
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(std::get<FakeQuantize>(node->op), (FakeQuantize{{{0.5f}, {32768}, 65535}, 0}));
  model.initializers[1] = raw_tensor(int16, {}, std::string("\xff\xff", 2), "z");  // -1
  graph = graph_of(model);
  EXPECT_EQ(std::get<FakeQuantize>(only_node<FakeQuantize>(graph)->op),
            (FakeQuantize{{{0.5f}, {32767}, 65535}, 0}));
}

TEST(Quantization, OnnxRuntimesOwnPairIsThatOfOnnx) {
  ModelText model = pair(0.5f, uint8, 7);
  for (auto& node : model.nodes) node.domain = "com.microsoft";
  const Graph graph = graph_of(model);
  const Node* node = only_node<FakeQuantize>(graph);
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(std::get<FakeQuantize>(node->op).grid.zero_point, std::vector<int32_t>{7});
}

TEST(Quantization, FourBitsAreRefusedWithAWayOut) {
  ModelText model = pair(0.5f, uint8, 7);
  model.opset = 21;
  model.initializers[1] = raw_tensor(22, {}, std::string(1, '\1'), "z");
  const std::string error = error_of(model);
  EXPECT_NE(error.find("int4"), std::string::npos) << error;
  EXPECT_NE(error.find("float file"), std::string::npos) << error;
}

TEST(Quantization, DynamicQuantizationIsRefusedWithAWayOut) {
  ModelText model;
  model.nodes = {{"DynamicQuantizeLinear", {"x"}, {"y"}, {}, "dynamic"}};
  expect_refused(model, "dynamic", "build from the float file");
}

// As Brevitas writes values of fewer levels than their type: bounds in front of the rounding.
TEST(Quantization, AClipOfStoredValuesBoundsWhatIsRounded) {
  ModelText model = pair(0.5f, int8, 0);
  model.nodes.insert(model.nodes.begin() + 1, {"Clip", {"q", "low", "high"}, {"c"}, {}, "clip"});
  model.nodes[2].inputs[0] = "c";
  model.initializers.push_back(byte(int8, -8, "low"));
  model.initializers.push_back(byte(int8, 7, "high"));
  const Graph graph = graph_of(model);
  ASSERT_EQ(graph.nodes.size(), 2u);
  const auto& clip = std::get<Unary>(graph.nodes[0].op);
  EXPECT_EQ(clip.kind, Unary::Kind::clip);
  EXPECT_EQ(clip.alpha, -4.0f);
  EXPECT_EQ(clip.beta, 3.5f);
  EXPECT_TRUE(std::holds_alternative<FakeQuantize>(graph.nodes[1].op));
}

TEST(Quantization, WhatOnlyMovesMayStandBetweenTheHalvesOfAPair) {
  ModelText model = pair(0.5f, uint8, 7);
  model.nodes.insert(
      model.nodes.begin() + 1,
      {"Transpose", {"q"}, {"t"}, {{"perm", std::vector<int64_t>{0, 2, 3, 1}}}, "turn"});
  model.nodes[2].inputs[0] = "t";
  const Graph graph = graph_of(model);
  EXPECT_NE(only_node<FakeQuantize>(graph), nullptr);
  EXPECT_NE(only_node<Transpose>(graph), nullptr);
  EXPECT_EQ(graph.tensors[graph.output].shape, (Shape{1, 8, 8, 3}));
}

// y = QLinearConv(x): its weights, bias and roundings, as pairs around a Conv state them.
TEST(Quantization, AQLinearConvIsAConvBetweenPairs) {
  ModelText model = pair(0.5f, uint8, 7);
  model.nodes.insert(
      model.nodes.begin() + 1,
      {"QLinearConv", {"q", "s", "z", "w", "ws", "wz", "ys", "z", "b"}, {"c"}, {}, "conv"});
  model.nodes[2].inputs = {"c", "ys", "z"};
  for (auto& tensor :
       {raw_tensor(int8, {2, 3, 1, 1}, std::string{1, 2, 3, 4, 5, -6}, "w"),
        float_tensor({2}, {0.25f, 2}, "ws"), raw_tensor(int8, {2}, std::string(2, '\0'), "wz"),
        float_tensor({}, {4}, "ys"), raw_tensor(int32, {2}, raw_int32({8, -3}), "b")}) {
    model.initializers.push_back(tensor);
  }
  const Graph graph = graph_of(model);
  const Node* conv = only_node<Conv2d>(graph);
  ASSERT_NE(conv, nullptr);
  EXPECT_EQ(*graph.tensors[conv->inputs[1]].values,
            (std::vector<float>{.25f, .5f, .75f, 8, 10, -12}));
  EXPECT_EQ(*graph.tensors[conv->inputs[2]].values, (std::vector<float>{1, -3}));
  std::vector<float> scales;
  for (const Node& node : graph.nodes) {
    if (const auto* pair = std::get_if<FakeQuantize>(&node.op))
      scales.push_back(pair->grid.scale[0]);
  }
  EXPECT_EQ(scales, (std::vector<float>{0.5f, 4}));
}

// The others of the form: the ordinary operator, with the same attributes, and its rounding.
TEST(Quantization, TheQOperatorFormIsOrdinaryOperatorsBetweenPairs) {
  const auto becomes = [](const std::string& op_type, Names inputs,
                          std::vector<Attribute> attributes, const std::string& domain) {
    ModelText model = pair(0.5f, uint8, 7);
    model.nodes.insert(model.nodes.begin() + 1,
                       {op_type, std::move(inputs), {"r"}, std::move(attributes), "it", domain});
    model.nodes[2].inputs = {"r", "ys", "z"};
    model.initializers.push_back(float_tensor({}, {4}, "ys"));
    model.initializers.push_back(raw_tensor(int8, {8, 2}, std::string(16, '\2'), "m"));
    model.initializers.push_back(byte(int8, 0, "mz"));
    model.initializers.push_back(raw_tensor(uint8, {1, 3, 1, 1}, std::string{1, 2, 3}, "k"));
    for (const ImportRow& row : rows_of(model)) {
      if (row.name == "it") return row.becomes;
    }
    return std::string();
  };
  const std::string ours = "com.microsoft";
  EXPECT_EQ(becomes("QLinearMatMul", {"q", "s", "z", "m", "s", "mz", "ys", "z"}, {}, ""),
            "matmul + fake_quantize");
  EXPECT_EQ(becomes("QLinearAdd", {"q", "s", "z", "q", "s", "z", "ys", "z"}, {}, ours),
            "add + fake_quantize");
  EXPECT_EQ(becomes("QLinearMul", {"q", "s", "z", "k", "s", "z", "ys", "z"}, {}, ours),
            "multiply + fake_quantize");
  EXPECT_EQ(becomes("QLinearSigmoid", {"q", "s", "z", "ys", "z"}, {}, ours),
            "sigmoid + fake_quantize");
  EXPECT_EQ(becomes("QLinearLeakyRelu", {"q", "s", "z", "ys", "z"}, {{"alpha", 0.1f}}, ours),
            "leaky_relu + fake_quantize");
  EXPECT_EQ(becomes("QLinearGlobalAveragePool", {"q", "s", "z", "ys", "z"},
                    {{"channels_last", int64_t{0}}}, ours),
            "reduce_mean + fake_quantize");
  EXPECT_EQ(becomes("QLinearAveragePool", {"q", "s", "z", "ys", "z"},
                    {{"kernel_shape", std::vector<int64_t>{2, 2}}}, ours),
            "average_pool + fake_quantize");
  EXPECT_EQ(becomes("QLinearConcat", {"ys", "z", "q", "s", "z", "q", "s", "z"},
                    {{"axis", int64_t{1}}}, ours),
            "concat + fake_quantize");
  EXPECT_NE(becomes("QLinearSigmoid", {"q", "ys", "z", "ys", "z"}, {}, ours).find("are not those"),
            std::string::npos);
  EXPECT_NE(becomes("QLinearGlobalAveragePool", {"q", "s", "z", "ys", "z"},
                    {{"channels_last", int64_t{1}}}, ours)
                .find("channels are last"),
            std::string::npos);
}

TEST(Quantization, ScalesThatDoNotFitTheAxisAreRefused) {
  ModelText model = pair(0.5f, uint8, 7);
  model.initializers = {float_tensor({5}, {1, 2, 3, 4, 5}, "s"),
                        raw_tensor(uint8, {5}, std::string(5, '\1'), "z")};
  expect_refused(model, "quantize", "5 scales");
  model.nodes[0].attributes = {{"axis", int64_t{9}}};
  expect_refused(model, "quantize", "axis");
}

TEST(Quantization, NothingElseReadsAQuantizedValue) {
  ModelText model = pair(0.5f, uint8, 7);
  model.nodes.insert(model.nodes.begin() + 1, {"Relu", {"q"}, {"r"}, {}, "relu"});
  model.nodes[2].inputs[0] = "r";
  expect_refused(model, "relu", "DequantizeLinear");
}

TEST(Quantization, TheOutputIsNoQuantizedValue) {
  ModelText model = pair(0.5f, uint8, 7);
  model.outputs = {"q"};
  model.nodes.pop_back();
  const std::string error = error_of(model);
  EXPECT_NE(error.find(quoted("q")), std::string::npos) << error;
}

TEST(Quantization, WhatNoQuantizeLinearMadeIsNotDequantized) {
  ModelText model = pair(0.5f, uint8, 7);
  model.nodes.erase(model.nodes.begin());
  model.nodes[0].inputs[0] = "x";
  expect_refused(model, "dequantize", "not quantized");
}

TEST(Quantization, AComputedScaleIsRefused) {
  ModelText model = pair(0.5f, uint8, 7);
  model.nodes.insert(model.nodes.begin(),
                     {"ReduceMax", {"x"}, {"s2"}, {{"keepdims", int64_t{0}}}, "max"});
  model.nodes[1].inputs[1] = "s2";
  expect_refused(model, "quantize", "scale");
}

}  // namespace
}  // namespace octavo::test
